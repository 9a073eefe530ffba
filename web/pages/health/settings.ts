import type { Setting } from "../../api/settings.ts";

/** The settings whose name or value has every word of a search, in any case. */
export function matching(settings: readonly Setting[], search: string): readonly Setting[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  return settings.filter(({ name, value, from }) => {
    const text = `${name} ${value ?? ""} ${from}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
}

/** What differs from its default first; otherwise in the order of the documentation. */
export function sorted(settings: readonly Setting[]): readonly Setting[] {
  const isDefault = ({ from }: Setting) => from === "default";
  return [...settings.filter((each) => !isDefault(each)), ...settings.filter(isDefault)];
}

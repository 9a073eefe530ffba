import { signal } from "@preact/signals";
import { isZone } from "./text/zones.ts";

// What the browser remembers of a reader: theme, zone, clock, shortcuts on or off, and the moment
// of the last visit. This is the only file that uses `localStorage`. No message is ever stored.

export type Theme = "system" | "light" | "dark";
export type Clock = "language" | "12" | "24";

interface Preference<T extends string> {
  readonly name: string;
  readonly isValid: (value: string) => value is T;
  readonly initial: T;
}

const oneOf =
  <T extends string>(...values: readonly T[]) =>
  (value: string): value is T =>
    (values as readonly string[]).includes(value);

/** `local` is the zone of the browser. */
export const theme = preference({
  name: "theme",
  isValid: oneOf<Theme>("system", "light", "dark"),
  initial: "system",
});
export const zoneChoice = preference({
  name: "zone",
  isValid: (value): value is string => value === "local" || isZone(value),
  initial: "local",
});
export const clock = preference({
  name: "clock",
  isValid: oneOf<Clock>("language", "12", "24"),
  initial: "language",
});
export const shortcutsOn = preference({
  name: "shortcuts",
  isValid: oneOf<"on" | "off">("on", "off"),
  initial: "on",
});
/** When the reader last looked at the Inbox, in UTC. Empty before the first visit. */
export const lastVisit = preference({
  name: "last-visit",
  isValid: (value): value is string => value === "" || !Number.isNaN(Date.parse(value)),
  initial: "",
});

function preference<T extends string>({ name, isValid, initial }: Preference<T>) {
  const stored = read(name);
  const value = signal<T>(stored !== null && isValid(stored) ? stored : initial);
  const set = (next: T): void => {
    value.value = next;
    write(name, next);
  };
  return { value, set };
}

/** A browser may forbid storage. The choice then holds for this page only. */
function read(name: string): string | null {
  try {
    return localStorage.getItem(`lyftr-${name}`);
  } catch {
    return null;
  }
}

function write(name: string, value: string): void {
  try {
    localStorage.setItem(`lyftr-${name}`, value);
  } catch {
    // See read().
  }
}

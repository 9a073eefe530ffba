// Puts values into the sentences of en/. A sentence is whole in there: none is glued of parts.

const LANGUAGE = "en";
const plurals = new Intl.PluralRules(LANGUAGE);
const whole = new Intl.NumberFormat(LANGUAGE);

export interface Forms {
  readonly one: string;
  readonly other: string;
}

/** `1,204 messages`: the form of a number, with `{n}` replaced by it. */
export function counted(forms: Forms, n: number): string {
  const form = plurals.select(n) === "one" ? forms.one : forms.other;
  return form.replace("{n}", whole.format(n));
}

/** Replaces each `{name}` of a sentence. */
export function fill(sentence: string, values: Readonly<Record<string, string | number>>): string {
  return sentence.replace(/\{(\w+)\}/g, (place, name: string) => {
    const value = values[name];
    if (value === undefined) return place;
    return typeof value === "number" ? whole.format(value) : value;
  });
}

export function number(n: number): string {
  return whole.format(n);
}

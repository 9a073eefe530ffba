import type { Environment } from "./variable-text.ts";
import { VARIABLES } from "./variables.ts";

/** Shorter names of other programs are too similar to ours: HOME and HOST. */
const LENGTH_MIN = 6;
/** In names of at least this length, two changed characters count as a typo. */
const LENGTH_LONG = 8;

const NAMES = Object.values(VARIABLES).flatMap(({ name }) => [name, `${name}_FILE`]);

/** A variable that is set but has no effect, and the variable that was probably meant. */
export interface Misspelling {
  readonly name: string;
  readonly meant: string;
}

/** Finds set variables whose names are nearly those of Lyftr. */
export function misspellings(env: Environment): readonly Misspelling[] {
  return Object.keys(env).flatMap((name) => {
    if (env[name] === undefined || NAMES.includes(name) || name.length < LENGTH_MIN) return [];
    // OpenTelemetry has variables that Lyftr does not read, with similar names.
    const most = name.length < LENGTH_LONG || name.startsWith("OTEL_") ? 1 : 2;
    const meant = NAMES.find((known) => isWithin(most, name.toUpperCase(), known));
    return meant === undefined ? [] : [{ name, meant }];
  });
}

export function misspellingInWords({ name, meant }: Misspelling): string {
  return `${name} is not a variable of Lyftr, so it has no effect. Did you mean ${meant}?`;
}

/**
 * Whether `b` can be made from `a` by at most `most` insertions, deletions, replacements or swaps
 * of neighbours.
 */
function isWithin(most: number, a: string, b: string): boolean {
  if (Math.abs(a.length - b.length) > most) return false;
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, at) => at)];
  for (let i = 1; i <= a.length; i++) {
    const [before = [], beforeThat = []] = [rows[i - 1], rows[i - 2]];
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (before[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      let least = Math.min(replaced, (before[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1);
      const isExchange = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (isExchange) least = Math.min(least, (beforeThat[j - 2] ?? 0) + 1);
      row.push(least);
    }
    rows.push(row);
  }
  return (rows[a.length]?.[b.length] ?? most + 1) <= most;
}

const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};
/** A hundred years. Later dates do not fit where dates are stored. */
const DURATION_MS_MAX = 36_525 * 86_400_000;

/**
 * The milliseconds of a whole number with a unit (`500ms`, `30s`, `1m`, `24h`, `90d`, `2w`).
 * Undefined when the text is not a duration, or is longer than 100 years.
 */
export function parseDuration(text: string): number | undefined {
  const [, number = "", unit = ""] = /^([0-9]{1,15})(ms|s|m|h|d|w)$/.exec(text) ?? [];
  const ms = Number(number) * (UNIT_MS[unit] ?? Number.NaN);
  return ms <= DURATION_MS_MAX ? ms : undefined;
}

const UNITS_IN_WORDS = [
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
  ["second", 1_000],
] as const;

/** The approximate duration in words: `3 minutes`, `1 day`. */
export function durationInWords(ms: number): string {
  const [unit, unitMs] = UNITS_IN_WORDS.find(([, one]) => ms >= one) ?? ["second", 1_000];
  const count = Math.max(0, Math.floor(ms / unitMs));
  return `${count} ${unit}${count === 1 ? "" : "s"}`;
}

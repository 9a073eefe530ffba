import type { Filter, FilterName } from "../route.ts";
import { instantOf, localTime, startOfDay, toUtcText } from "../text/zones.ts";

// What a reader types into the search field: words are `q`, and `from:`, `to:`, `on:`, `since:`,
// `until:` and `source:` become chips, with values as people write them.

export const SEARCH_CODE_POINTS_MAX = 256;
/** `on` is a day: a `since` and an `until`. */
export const CHIP_NAMES = ["from", "to", "on", "since", "until", "source"] as const;
export type ChipName = (typeof CHIP_NAMES)[number];

const TOKEN = new RegExp(`(?:^|\\s)(${CHIP_NAMES.join("|")}):(\\S)`, "i");
const UNFINISHED = new RegExp(`(?:^|\\s)(?:${CHIP_NAMES.join("|")}):`, "i");
/** A number continues over blanks until it has as many digits as any number has. */
const DIGITS_OF_NUMBER_MIN = 8;
const DIGITS_OF_BARE_NUMBER_MIN = 6;
const NUMBER_CHARACTERS = /^[+\d\s().\-/]*/;
const MINUTE_MS = 60_000;
const UNIT_MS: Readonly<Record<string, number>> = {
  m: MINUTE_MS,
  min: MINUTE_MS,
  h: 60 * MINUTE_MS,
  d: 24 * 60 * MINUTE_MS,
  w: 7 * 24 * 60 * MINUTE_MS,
};

export interface When {
  readonly now: number;
  readonly zone: string;
}

export interface Typed {
  /** The chips that were ended, as a part of a filter. */
  readonly chips: Filter;
  /** What stays in the field. */
  readonly rest: string;
}

/**
 * Takes the ended chips out of a text. A chip ends with a blank behind it, or all end because the
 * reader pressed Enter.
 */
export function takeChips(text: string, when: When, isEntered = false): Typed {
  const chips: { [Name in FilterName]?: string } = {};
  let rest = text;
  for (let found = TOKEN.exec(rest); found !== null; found = TOKEN.exec(rest)) {
    const name = (found[1] ?? "").toLowerCase() as ChipName;
    const begin = found.index + found[0].length - 1;
    const length = lengthOfValue(name, rest.slice(begin), isEntered);
    if (length === undefined) break;
    const value = rest.slice(begin, begin + length).trim();
    if (name === "on") Object.assign(chips, dayOf(value, when));
    else chips[name] = chipValue(name, value, when);
    rest = `${rest.slice(0, found.index)} ${rest.slice(begin + length)}`.replace(/^ +/, "");
  }
  return { chips, rest };
}

/** How long the value at the start of a text is. Undefined while it is not ended. */
function lengthOfValue(name: ChipName, text: string, isEntered: boolean): number | undefined {
  const word = /^\S+/.exec(text)?.[0].length ?? 0;
  if (name === "from" || name === "to") {
    const written = NUMBER_CHARACTERS.exec(text)?.[0] ?? "";
    const isEnded = isEntered || written.length < text.length;
    const isWhole = /\s$/.test(written) && digits(written) >= DIGITS_OF_NUMBER_MIN;
    if (written.length > word) return isEnded || isWhole ? written.length : undefined;
    if (written.length === word && !isEntered) return undefined;
  }
  const isDateWithTime = name !== "on" && /^\d{4}-\d{2}-\d{2}\s+\d{1,2}:\d{2}(?=\s|$)/.exec(text);
  const length = isDateWithTime ? isDateWithTime[0].length : word;
  return isEntered || length < text.length ? length : undefined;
}

/** The day of a moment, as an address has it. */
function dayOf(value: string, when: When): Filter {
  const moment = momentOf(value, when);
  if (moment === undefined) return { since: value };
  const since = startOfDay(Date.parse(moment), when.zone);
  return { since: toUtcText(since), until: toUtcText(startOfDay(since, when.zone, 1)) };
}

/** The day that `since` and `until` are together: the instant at which it begins. */
export function wholeDay({ since, until }: Filter, zone: string): number | undefined {
  if (since === undefined || until === undefined || !isMoment(since)) return undefined;
  const day = startOfDay(Date.parse(since), zone);
  const isWhole = day === Date.parse(since) && startOfDay(day, zone, 1) === Date.parse(until);
  return isWhole ? day : undefined;
}

/** `from:` and its first characters are not words that are searched for. */
export function isUnfinished(text: string): boolean {
  return UNFINISHED.test(text);
}

/** A value as the address has it. What cannot be read stays as it is, and its chip says so. */
function chipValue(name: Exclude<ChipName, "on">, value: string, when: When): string {
  if (name === "from" || name === "to") return numberOf(value) ?? value;
  if (name === "source") return value;
  return momentOf(value, when) ?? value;
}

/** `+91 98765-43210` is `+919876543210`. Undefined for what is not a number. */
export function numberOf(text: string): string | undefined {
  if (!/^[+\d][\d\s().\-/]*$/.test(text)) return undefined;
  const bare = text.replace(/[^\d+]/g, "").replace(/^\+|^00/, "");
  return /^\d{1,32}$/.test(bare) ? `+${bare}` : undefined;
}

/** The number that a whole text is, if it may be one: for `From +91…`, `To +91…`. */
export function bareNumber(text: string): string | undefined {
  const trimmed = text.trim();
  return digits(trimmed) >= DIGITS_OF_BARE_NUMBER_MIN ? numberOf(trimmed) : undefined;
}

/** `today`, `yesterday`, `7d`, `09:30`, `2026-11-29`, `2026-11-29 09:30`: a moment in UTC. */
export function momentOf(text: string, { now, zone }: When): string | undefined {
  const value = text.trim().toLowerCase();
  if (value === "now") return toUtcText(now);
  if (value === "today") return toUtcText(startOfDay(now, zone));
  if (value === "yesterday") return toUtcText(startOfDay(now, zone, -1));
  const [, count, unit = ""] = /^(\d{1,5})(m|min|h|d|w)$/.exec(value) ?? [];
  if (count !== undefined) return toUtcText(now - Number(count) * (UNIT_MS[unit] ?? 0));
  const clock = /^(\d{1,2}):(\d{2})$/.exec(value);
  if (clock !== null) {
    const today = localTime(now, zone);
    return localMoment([today.year, today.month, today.day, clock[1], clock[2]], zone);
  }
  const date = /^(\d{4})-(\d{2})-(\d{2})(?:[t\s]+(\d{1,2}):(\d{2}))?$/.exec(value);
  if (date !== null) return localMoment(date.slice(1), zone);
  return isMoment(text) ? toUtcText(Date.parse(text)) : undefined;
}

/** Whether an address has a moment that the API takes: with a zone. */
export function isMoment(text: string): boolean {
  return (
    /^\d{4}-\d{2}-\d{2}t\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(z|[+-]\d{2}:\d{2})$/i.test(text) &&
    !Number.isNaN(Date.parse(text))
  );
}

/** Why a part of a filter cannot be used. */
export type FilterProblem = "number" | "moment" | "long" | "order";

/** The parts of a filter that cannot be used, and the rest, which can. */
export function checkFilter(filter: Filter): {
  readonly usable: Filter;
  readonly problems: { readonly [Name in FilterName]?: FilterProblem };
} {
  const problems: { [Name in FilterName]?: FilterProblem } = {};
  for (const name of ["from", "to"] as const)
    if (filter[name] !== undefined && !/^\+?\d{1,32}$/.test(filter[name]))
      problems[name] = "number";
  for (const name of ["since", "until"] as const)
    if (filter[name] !== undefined && !isMoment(filter[name])) problems[name] = "moment";
  if (filter.q !== undefined && [...filter.q].length > SEARCH_CODE_POINTS_MAX) problems.q = "long";
  const { since, until } = filter;
  const areMoments = problems.since === undefined && problems.until === undefined;
  if (since && until && areMoments && Date.parse(since) >= Date.parse(until))
    problems.until = "order";
  const usable = Object.fromEntries(
    Object.entries(filter).filter(([name]) => problems[name as FilterName] === undefined),
  );
  return { usable, problems };
}

/** Where a word is found in a text, as plain lower case finds it: pairs of begin and end. */
export function foundParts(text: string, q: string): readonly (readonly [number, number])[] {
  const [hay, needle] = [text.toLowerCase(), q.toLowerCase()];
  // Lower case of some letters is longer. Positions would then be wrong, so nothing is marked.
  if (needle === "" || hay.length !== text.length) return [];
  const found: (readonly [number, number])[] = [];
  for (let at = hay.indexOf(needle); at !== -1; at = hay.indexOf(needle, at + needle.length))
    found.push([at, at + needle.length]);
  return found;
}

function localMoment(
  parts: readonly (string | number | undefined)[],
  zone: string,
): string | undefined {
  const [year = 0, month = 1, day = 1, hour = 0, minute = 0] = parts.map((part) =>
    part === undefined ? undefined : Number(part),
  );
  const isPossible =
    month >= 1 && month <= 12 && day >= 1 && day <= daysOf(year, month) && hour < 24 && minute < 60;
  if (!isPossible) return undefined;
  return toUtcText(instantOf({ year, month, day, hour, minute, second: 0 }, zone));
}

function daysOf(year: number, month: number): number {
  return new Date(Date.UTC(year, month, 0)).getUTCDate();
}

function digits(text: string): number {
  return text.replace(/\D/g, "").length;
}

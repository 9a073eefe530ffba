import { FILTER_NAMES, type Filter } from "../route.ts";
import { dayKey, startOfDay } from "../text/zones.ts";
import { bareNumber, CHIP_NAMES, type ChipName, momentOf, numberOf, type When } from "./search.ts";

// What the search field proposes while a reader types: the names of filters, and their values.

export interface Proposal {
  /** `number`: what a number alone may be. `name`: of a filter, whose value follows. */
  readonly kind: "number" | "name" | "value";
  readonly name: ChipName | "q";
  /** What the field has when the proposal is taken. */
  readonly text: string;
  /** What the reader sees: `since:7d`. */
  readonly label: string;
  /** The moment that a value stands for. */
  readonly at?: number;
}

const PROPOSALS_MAX = 6;
const SPANS: readonly string[] = ["24h", "7d", "30d"];
const DAYS: readonly string[] = ["today", "yesterday"];
const UNITS: readonly string[] = ["m", "h", "d", "w"];
const SOURCES: readonly string[] = ["native"];
/** The filter and the beginning of its value that the text ends with. */
const VALUE = new RegExp(`(?:^|\\s)(${CHIP_NAMES.join("|")}):(\\S*)$`, "i");
/** The last word, which may become the name of a filter. */
const WORD = /(?:^|\s)([a-z]*)$/i;

/** Proposals for a text, beside a filter that is there already. */
export function proposalsFor(text: string, filter: Filter, when: When): readonly Proposal[] {
  const number = bareNumber(text);
  if (number !== undefined) return ofNumber(text, number);
  const [, name, value] = VALUE.exec(text) ?? [];
  const proposals =
    name === undefined || value === undefined
      ? ofNames(text, filter)
      : ofValues(text, name.toLowerCase() as ChipName, value, when);
  return proposals.slice(0, PROPOSALS_MAX);
}

/** A number alone may be a sender, a receiver or a text. */
function ofNumber(text: string, number: string): readonly Proposal[] {
  return [
    { kind: "number", name: "from", text: `from:${number}`, label: number },
    { kind: "number", name: "to", text: `to:${number}`, label: number },
    { kind: "number", name: "q", text, label: text },
  ];
}

/** All names in an empty field, and later those that begin with the last word. */
function ofNames(text: string, filter: Filter): readonly Proposal[] {
  const [, word = ""] = WORD.exec(text) ?? [];
  const isEmpty = text === "" && FILTER_NAMES.every((name) => filter[name] === undefined);
  if (word === "" && !isEmpty) return [];
  const before = text.slice(0, text.length - word.length);
  return CHIP_NAMES.filter((name) => name.startsWith(word.toLowerCase())).map((name) => ({
    kind: "name",
    name,
    text: `${before}${name}:`,
    label: `${name}:`,
  }));
}

function ofValues(text: string, name: ChipName, value: string, when: When): readonly Proposal[] {
  const before = text.slice(0, text.length - value.length);
  return valuesOf(name, value, when).map(({ value: full, at }) => {
    const proposal: Proposal = {
      kind: "value",
      name,
      text: before + full,
      label: `${name}:${full}`,
    };
    return at === undefined ? proposal : { ...proposal, at };
  });
}

interface Value {
  readonly value: string;
  readonly at?: number;
}

function valuesOf(name: ChipName, value: string, when: When): readonly Value[] {
  if (name === "source")
    return SOURCES.filter((source) => source.startsWith(value)).map((source) => ({
      value: source,
    }));
  if (name === "from" || name === "to") {
    const number = numberOf(value);
    return number === undefined ? [] : [{ value: number }];
  }
  const begun = value.toLowerCase();
  const known = (name === "on" ? DAYS : [...DAYS, ...SPANS]).concat(dateOf(when));
  const values = new Set([begun, ...(name === "on" ? [] : completed(begun)), ...known]);
  return [...values].flatMap((each) => {
    const moment = each.startsWith(begun) ? momentOf(each, when) : undefined;
    return moment === undefined ? [] : [{ value: each, at: Date.parse(moment) }];
  });
}

/** `7` may become `7d` or `07:00`. */
function completed(value: string): readonly string[] {
  if (!/^\d{1,3}$/.test(value)) return [];
  return [...UNITS.map((unit) => value + unit), `${value}:00`];
}

/** A date shows how dates are written. */
function dateOf({ now, zone }: When): string {
  return dayKey(startOfDay(now, zone, -2), zone);
}

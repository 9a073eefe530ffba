import { isCalendarDate } from "./timestamp.ts";

/**
 * ISO 8601 as people and programs write it: a blank for the T, no seconds, any fraction, any zone
 * or none.
 */
const WRITTEN =
  /^([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[Tt ]+([0-9]{2}):?([0-9]{2})(?::?([0-9]{2})(?:[.,]([0-9]+))?)?)? ?(Z|z|UTC|GMT|[+-][0-9]{2}(?::?[0-9]{2})?(?::?[0-9]{2}(?:\.[0-9]+)?)?)?$/;
/** The form of HTTP, mail and Python's `email.utils`. */
const MAIL =
  /^(?:[A-Z][a-z]{2}, )?[0-9]{1,2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}(?::[0-9]{2})? (?:GMT|UTC|[+-][0-9]{4})$/;
const NUMBER = /^[0-9]+(?:\.[0-9]+)?(?:[eE]\+?[0-9]+)?$/;
const OFFSET = /^([+-])([0-9]{2}):?([0-9]{2})?:?([0-9]{2})?/;

const YEAR_0_MS = Date.parse("0000-01-01T00:00:00Z");
const YEAR_10000_MS = Date.parse("+010000-01-01T00:00:00Z");
const FRACTION_DIGITS_MIN = 3;
const FRACTION_DIGITS_MAX = 9;

/** 1973-03-03. A smaller number is a Julian day or a counter, and not seconds since 1970. */
const EPOCH_SECONDS_MIN = 100_000_000;
/** Each unit covers 1973 to the year 5138, so the size of a number tells its unit. */
const UNITS_PER_SECOND = [1, 1_000, 1_000_000, 1_000_000_000];
const UNIT_SPAN = 1_000;

/**
 * When a message was received, in the one spelling whose text order is the order in time to the
 * millisecond: `2025-01-15T10:00:00.123Z`. Digits beyond the millisecond are kept. A time without a
 * zone is UTC, as the older service wrote it. A number counts seconds, milliseconds, microseconds
 * or nanoseconds since 1970. Undefined when it is none of these.
 */
export function parseReceivedAt(text: string): string | undefined {
  const trimmed = text.trim();
  const parts = WRITTEN.exec(trimmed);
  if (parts !== null) return fromParts(parts);
  if (NUMBER.test(trimmed)) return fromEpoch(trimmed);
  return MAIL.test(trimmed) ? spelt(Date.parse(trimmed), "") : undefined;
}

function fromParts(parts: RegExpExecArray): string | undefined {
  const [, date = "", hours = "00", minutes = "00", seconds = "00", fraction = "", zone = "Z"] =
    parts;
  if (!isCalendarDate(date)) return undefined;
  // 24:00:00 and leap seconds belong to the next day or minute. Date accepts them only as UTC
  // parts.
  if (Number(hours) > 24 || Number(minutes) > 59 || Number(seconds) > 60) return undefined;
  const midnight = Date.parse(`${date}T00:00:00Z`);
  const ofDay = (Number(hours) * 3_600 + Number(minutes) * 60 + Number(seconds)) * 1_000;
  return spelt(midnight + ofDay - offsetMs(zone), fraction);
}

function offsetMs(zone: string): number {
  const parts = OFFSET.exec(zone);
  if (parts === null) return 0;
  const [, sign, hours, minutes = "0", seconds = "0"] = parts;
  const total = (Number(hours) * 3_600 + Number(minutes) * 60 + Number(seconds)) * 1_000;
  return sign === "-" ? -total : total;
}

function fromEpoch(text: string): string | undefined {
  const number = Number(text);
  if (number < EPOCH_SECONDS_MIN) return undefined;
  const perSecond = UNITS_PER_SECOND.find(
    (units) => number < EPOCH_SECONDS_MIN * UNIT_SPAN * units,
  );
  if (perSecond === undefined) return undefined;
  return spelt(Math.floor((number / perSecond) * 1_000), "");
}

/**
 * `fraction` is the fraction of the second; when it is empty, the milliseconds of `ms` are used.
 */
function spelt(ms: number, fraction: string): string | undefined {
  // Outside these years the spelling has a sign and no longer sorts.
  if (!(ms >= YEAR_0_MS && ms < YEAR_10000_MS)) return undefined;
  const iso = new Date(ms).toISOString();
  if (fraction === "") return iso;
  const digits = fraction
    .slice(0, FRACTION_DIGITS_MAX)
    .replace(/0+$/, "")
    .padEnd(FRACTION_DIGITS_MIN, "0");
  return `${iso.slice(0, 19)}.${digits}Z`;
}

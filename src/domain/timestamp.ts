declare const utcTimestamp: unique symbol;
declare const instant: unique symbol;

/** A moment in UTC exactly as the sender wrote it, for example `2025-01-15T10:00:00.50Z`. */
export type UtcTimestamp = string & { readonly [utcTimestamp]: true };

/**
 * A moment as text whose byte order is its order in time: `2025-01-15T10:00:00` or
 * `2025-01-15T10:00:00.5`. It is a text for two reasons: seconds since year 0 with nanoseconds do
 * not fit into 64 bits, and both databases compare texts alike.
 */
export type Instant = string & { readonly [instant]: true };

/**
 * `YYYY-MM-DDTHH:MM[:SS[.f{1,9}]]Z`. {@link isCalendarDate} checks that the day exists. Java's
 * `OffsetDateTime.toString()` omits seconds when they are 0.
 */
export const UTC_TIMESTAMP_PATTERN =
  "^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\\.[0-9]{1,9})?)?Z$";

const DAYS_PER_MONTH = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/**
 * Whether the first ten characters, `YYYY-MM-DD` in digits, are a day of the Gregorian calendar.
 * `Date.parse` would accept 30 February.
 */
export function isCalendarDate(text: string): boolean {
  const year = Number(text.slice(0, 4));
  const month = Number(text.slice(5, 7));
  const day = Number(text.slice(8, 10));
  const leap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  const days = month === 2 && leap ? 29 : DAYS_PER_MONTH[month - 1];
  return days !== undefined && day >= 1 && day <= days;
}

const LENIENT =
  /^([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]([0-9]{2}:[0-9]{2})(:[0-9]{2})?(?:[.,]([0-9]+))?(?:Z|\+00:00)?$/;

/**
 * The instant of a stored timestamp. Rows of the older Python service may have spellings that are
 * refused today. The likely ones are understood; any other stays where its text sorts, as in the
 * older service.
 */
export function instantOf(timestamp: string): Instant {
  const parts = LENIENT.exec(timestamp);
  if (parts === null) return timestamp as Instant;
  const [, date, minutes, seconds = ":00", fraction = ""] = parts;
  const significant = fraction.replace(/0+$/, "");
  return `${date}T${minutes}${seconds}${significant === "" ? "" : `.${significant}`}` as Instant;
}

const MOMENT =
  /^([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[T ](?<time>(?:[01][0-9]|2[0-3]):[0-5][0-9])(?<rest>:[0-5][0-9](?:\.[0-9]{1,9})?)?(?:Z|(?<sign>[+ -])(?<hours>[01][0-9]|2[0-3])(?::?(?<minutes>[0-5][0-9]))?)?)?$/;
const MS_PER_MINUTE = 60_000;
/** Sort before and after every moment of the years that a timestamp can name. */
const FIRST_INSTANT = "0000-01-01T00:00:00" as Instant;
const LAST_INSTANT = "9999-12-31T24:00:00" as Instant;

/**
 * The instant of a filter, or undefined. It accepts a date, which means its midnight, and a date
 * with a time after `T` or a blank. Seconds and a fraction may be omitted. Without a zone it is
 * UTC; an offset is converted. The `+` of an offset may have become a blank, because form decoders
 * do that.
 */
export function parseInstant(text: string): Instant | undefined {
  const parts = MOMENT.exec(text);
  if (parts === null || !isCalendarDate(text)) return undefined;
  const [, date] = parts;
  const { time = "00:00", rest = "", sign, hours, minutes } = parts.groups ?? {};
  const offsetMinutes = 60 * Number(hours ?? 0) + Number(minutes ?? 0);
  const aheadMinutes = sign === "-" ? -offsetMinutes : offsetMinutes;
  const utc = new Date(Date.parse(`${date}T${time}:00Z`) - aheadMinutes * MS_PER_MINUTE);
  if (utc.getUTCFullYear() < 0) return FIRST_INSTANT;
  if (utc.getUTCFullYear() > 9999) return LAST_INSTANT;
  return instantOf(`${utc.toISOString().slice(0, "2025-01-15T10:00".length)}${rest}Z`);
}

// Plain second implementations of what the parsers promise: no regular expressions, whole numbers
// without a limit, one character after the other.

/** Reads a text from its beginning. */
class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#text.length;
  }

  /** Skips the character if it is the next one. */
  skip(...characters: readonly string[]): boolean {
    const next = this.#text[this.#at];
    if (next === undefined || !characters.includes(next)) return false;
    this.#at++;
    return true;
  }

  /** The digits that follow, at most `max`. */
  digits(max: number): string {
    const start = this.#at;
    while (this.#at - start < max && isDigit(this.#text[this.#at])) this.#at++;
    return this.#text.slice(start, this.#at);
  }

  /** A number of exactly `count` digits, up to `max`. */
  number(count: number, max: number): number | undefined {
    const digits = this.digits(count);
    return digits.length === count && Number(digits) <= max ? Number(digits) : undefined;
  }
}

function isDigit(character: string | undefined): boolean {
  return character !== undefined && character >= "0" && character <= "9";
}

interface Day {
  readonly year: number;
  readonly month: number;
  readonly day: number;
}

function daysOfMonth({ year, month }: Omit<Day, "day">): number {
  if (month !== 2) return [4, 6, 9, 11].includes(month) ? 30 : 31;
  if (year % 400 === 0) return 29;
  return year % 4 === 0 && year % 100 !== 0 ? 29 : 28;
}

function readDay(reader: Reader): Day | undefined {
  const year = reader.number(4, 9999);
  if (year === undefined || !reader.skip("-")) return undefined;
  const month = reader.number(2, 12);
  if (month === undefined || month < 1 || !reader.skip("-")) return undefined;
  const day = reader.number(2, daysOfMonth({ year, month }));
  return day === undefined || day < 1 ? undefined : { year, month, day };
}

interface Time {
  readonly hours: number;
  readonly minutes: number;
  readonly seconds: number;
  /** The digits behind the point. */
  readonly fraction: string;
}

function readTime(reader: Reader): Time | undefined {
  const hours = reader.number(2, 23);
  if (hours === undefined || !reader.skip(":")) return undefined;
  const minutes = reader.number(2, 59);
  if (minutes === undefined) return undefined;
  if (!reader.skip(":")) return { hours, minutes, seconds: 0, fraction: "" };
  const seconds = reader.number(2, 59);
  if (seconds === undefined) return undefined;
  const fraction = reader.skip(".") ? reader.digits(9) : undefined;
  return fraction === "" ? undefined : { hours, minutes, seconds, fraction: fraction ?? "" };
}

/** Whether a text is a timestamp of a webhook. */
export function isUtcTimestamp(text: string): boolean {
  const reader = new Reader(text);
  const isDay = readDay(reader) !== undefined && reader.skip("T");
  return isDay && readTime(reader) !== undefined && reader.skip("Z") && reader.isAtEnd;
}

/** The offset in minutes, 0 without one, or undefined when it is not an offset. */
function readOffset(reader: Reader): number | undefined {
  if (reader.isAtEnd || reader.skip("Z")) return 0;
  const isBehind = reader.skip("-");
  if (!isBehind && !reader.skip("+", " ")) return undefined;
  const hours = reader.number(2, 23);
  if (hours === undefined) return undefined;
  const hasMinutes = !reader.isAtEnd;
  reader.skip(":");
  const minutes = hasMinutes ? reader.number(2, 59) : 0;
  if (minutes === undefined) return undefined;
  return (isBehind ? -1 : 1) * (60 * hours + minutes);
}

/** What `since` and `until` mean: text that sorts by time. */
export function instantOfFilter(text: string): string | undefined {
  const reader = new Reader(text);
  const day = readDay(reader);
  if (day === undefined) return undefined;
  if (reader.isAtEnd) return spelt(day, { hours: 0, minutes: 0, seconds: 0, fraction: "" });
  const time = reader.skip("T", " ") ? readTime(reader) : undefined;
  const offset = time === undefined ? undefined : readOffset(reader);
  if (time === undefined || offset === undefined || !reader.isAtEnd) return undefined;
  const minuteOfDay = time.hours * 60 + time.minutes - offset;
  const days = Math.floor(minuteOfDay / 1_440);
  const rest = minuteOfDay - days * 1_440;
  const moved = movedBy(day, days);
  if (moved.year < 0) return "0000-01-01T00:00:00";
  if (moved.year > 9999) return "9999-12-31T24:00:00";
  return spelt(moved, { ...time, hours: Math.floor(rest / 60), minutes: rest % 60 });
}

/** The day before or after, or the same. */
function movedBy({ year, month, day }: Day, days: number): Day {
  const moved = day + days;
  if (moved < 1) {
    const before = month === 1 ? { year: year - 1, month: 12 } : { year, month: month - 1 };
    return { ...before, day: daysOfMonth(before) };
  }
  if (moved <= daysOfMonth({ year, month })) return { year, month, day: moved };
  return month === 12 ? { year: year + 1, month: 1, day: 1 } : { year, month: month + 1, day: 1 };
}

function spelt({ year, month, day }: Day, { hours, minutes, seconds, fraction }: Time): string {
  const two = (number: number) => String(number).padStart(2, "0");
  let significant = fraction;
  while (significant.endsWith("0")) significant = significant.slice(0, -1);
  const date = `${String(year).padStart(4, "0")}-${two(month)}-${two(day)}`;
  const time = `${two(hours)}:${two(minutes)}:${two(seconds)}`;
  return `${date}T${time}${significant === "" ? "" : `.${significant}`}`;
}

const EXPONENT_MAX = 400n;

/** A parameter that is a whole number within bounds; undefined when it is not a whole number. */
export function clampedInteger(
  text: string,
  [min, max]: readonly [number, number],
): number | undefined {
  const reader = new Reader(text.trim());
  const isNegative = reader.skip("-");
  if (!isNegative) reader.skip("+");
  const digits = reader.digits(Number.POSITIVE_INFINITY);
  if (digits === "") return undefined;
  if (reader.skip(".")) while (reader.skip("0"));
  let exponent = 0n;
  if (reader.skip("e", "E")) {
    reader.skip("+");
    const of = reader.digits(Number.POSITIVE_INFINITY);
    if (of === "") return undefined;
    exponent = BigInt(of);
  }
  if (!reader.isAtEnd) return undefined;
  // Beyond this the value is out of bounds anyway, unless it is 0.
  const value = BigInt(digits) * 10n ** (exponent > EXPONENT_MAX ? EXPONENT_MAX : exponent);
  const signed = isNegative ? -value : value;
  if (signed < BigInt(min)) return min;
  return signed > BigInt(max) ? max : Number(signed);
}

export function isMsisdn(value: unknown): boolean {
  if (typeof value !== "string" || value[0] !== "+") return false;
  const reader = new Reader(value.slice(1));
  return reader.digits(32).length > 0 && reader.isAtEnd;
}

function isStorable(text: string): boolean {
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    if (code === 0 || (code >= 0xd800 && code <= 0xdfff)) return false;
  }
  return true;
}

/** Whether a decoded JSON body is a message. */
export function isMessage(body: unknown): boolean {
  if (typeof body !== "object" || body === null || Array.isArray(body)) return false;
  const given = body as Record<string, unknown>;
  const { message_id: id, ts, text } = given;
  const from = given.from === undefined ? given.from_msisdn : given.from;
  const to = given.to === undefined ? given.to_msisdn : given.to;
  const isId =
    typeof id === "string" && id !== "" && isStorable(id) && Buffer.from(id).length <= 1_024;
  const isText =
    text === undefined ||
    text === null ||
    (typeof text === "string" && isStorable(text) && [...text].length <= 4_096);
  return (
    isId && isMsisdn(from) && isMsisdn(to) && typeof ts === "string" && isUtcTimestamp(ts) && isText
  );
}

declare const timeZone: unique symbol;

/** A time zone of the IANA database, in the spelling of this Node.js: `Asia/Calcutta`, `UTC`. */
export type TimeZone = string & { readonly [timeZone]: true };

const NAME = /^[a-z][a-z0-9_+-]*(?:\/[a-z0-9_+-]+){0,2}$/i;
const NAME_CHARACTERS_MAX = 64;
/** Node.js knows others, which IANA does not, and which are ambiguous: `IST`, `CST`. */
const IANA_ABBREVIATIONS = /^(?:CET|EET|EST|GMT|HST|MET|MST|PRC|ROC|ROK|UCT|UTC|WET)$/i;
const THREE_LETTERS = /^[a-z]{3}$/i;
const ETC = /^(?:UTC|Etc\/GMT[+-][0-9]{1,2})$/;

let canonicalNames: ReadonlySet<string> | undefined;
/**
 * What was parsed before, by the name in small letters: Node.js takes some 80 µs for a name, on the
 * thread that takes messages. It knows some 600 names.
 */
const known = new Map<string, TimeZone>();
const KNOWN_MAX = 1_000;

/**
 * The zone of a name, in any case. The result is one of a few hundred, whatever clients send:
 * older names of a zone become one. The `+` of `Etc/GMT+5` may have become a blank in a form
 * decoder. Undefined when IANA knows no such zone; an offset is none.
 */
export function parseTimeZone(text: string): TimeZone | undefined {
  const name = text.trim().replaceAll(" ", "+");
  if (name.length > NAME_CHARACTERS_MAX || !NAME.test(name)) return undefined;
  if (THREE_LETTERS.test(name) && !IANA_ABBREVIATIONS.test(name)) return undefined;
  const small = name.toLowerCase();
  const zone = known.get(small) ?? canonicalZone(name);
  if (zone !== undefined && known.size < KNOWN_MAX) known.set(small, zone);
  return zone;
}

function canonicalZone(name: string): TimeZone | undefined {
  const canonical = canonicalName(name);
  if (canonical === undefined) return undefined;
  canonicalNames ??= new Set(Intl.supportedValuesOf("timeZone"));
  return canonicalNames.has(canonical) || ETC.test(canonical) ? (canonical as TimeZone) : undefined;
}

function canonicalName(name: string): string | undefined {
  try {
    return new Intl.DateTimeFormat("en-US", { timeZone: name }).resolvedOptions().timeZone;
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** The UTC minutes since 1970 from `from`, inclusive, to `until`, exclusive. */
export interface Minutes {
  readonly from: number;
  readonly until: number;
}

const MINUTES_PER_DAY = 1_440;
/**
 * No zone changes its clock twice within this time: the shortest interval of the database is 167
 * hours. So a clock that is the same at both ends was the same between them.
 */
const STEADY_MINUTES_MAX = 6 * MINUTES_PER_DAY;

/**
 * How far the clock of a zone is ahead of UTC. An offset with seconds (Liberia's until 1972, other
 * ones before 1940) is rounded to a whole minute. A clock changes at a whole minute of UTC.
 */
export class ZoneOffsets {
  readonly #format: Intl.DateTimeFormat;
  /** Minutes with the same offset. Most calls are about neighbours. */
  #steady: Minutes & { readonly offset: number } = { from: 0, until: 0, offset: 0 };

  constructor(zone: TimeZone) {
    this.#format = formatOf(zone);
  }

  /** In minutes; negative west of Greenwich. */
  at(minute: number): number {
    const { from, until, offset } = this.#steady;
    return minute >= from && minute < until ? offset : this.#find(minute);
  }

  /**
   * The first minute after `from`, up to `to`, with another offset than `from`. The two are at most
   * {@link STEADY_MINUTES_MAX} apart.
   */
  changeWithin(from: number, to: number): number | undefined {
    const before = this.at(from);
    if (to < this.#steady.until || this.at(to) === before) return undefined;
    return this.#change(from, before, to);
  }

  #find(minute: number): number {
    const from = minute - MINUTES_PER_DAY;
    const to = from + STEADY_MINUTES_MAX;
    const [before, after] = [this.#read(from), this.#read(to)];
    if (before === after) {
      this.#steady = { from, until: to + 1, offset: before };
      return before;
    }
    const change = this.#change(from, before, to);
    this.#steady =
      minute < change
        ? { from, until: change, offset: before }
        : { from: change, until: to + 1, offset: after };
    return this.#steady.offset;
  }

  #change(from: number, before: number, to: number): number {
    let [same, changed] = [from, to];
    while (changed - same > 1) {
      const middle = Math.floor((same + changed) / 2);
      if (this.#read(middle) === before) same = middle;
      else changed = middle;
    }
    return changed;
  }

  #read(minute: number): number {
    const text = this.#format.format(minute * MS_PER_MINUTE);
    const [, sign, hours = 0, minutes = 0, seconds = 0] = OFFSET.exec(text) ?? [];
    const ahead = Math.round(60 * Number(hours) + Number(minutes) + Number(seconds) / 60);
    return sign === "-" ? -ahead : ahead;
  }
}

const MS_PER_MINUTE = 60_000;
/** `1/15/2025, GMT+05:30`, `GMT-00:44:30`, and `GMT` or `GMT+00:00` for 0. */
const OFFSET = /GMT(?:([+-])([0-9]{2}):([0-9]{2})(?::([0-9]{2}))?)?$/;

/** A format costs 40 µs to make, and some kilobytes. */
const FORMATS_MAX = 16;
const formats = new Map<TimeZone, Intl.DateTimeFormat>();

/** Keeps those that were used last. */
function formatOf(zone: TimeZone): Intl.DateTimeFormat {
  const format =
    formats.get(zone) ??
    new Intl.DateTimeFormat("en-US", { timeZone: zone, timeZoneName: "longOffset" });
  formats.delete(zone);
  formats.set(zone, format);
  const [oldest] = formats.keys();
  if (formats.size > FORMATS_MAX && oldest !== undefined) formats.delete(oldest);
  return format;
}

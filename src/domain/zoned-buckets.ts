import { type Minutes, type TimeZone, ZoneOffsets } from "./time-zone.ts";
import { isCalendarDate } from "./timestamp.ts";

/** The number of messages in a span of time. */
export interface SpanCount {
  /** An hour or a minute of UTC, `2025-01-15T10` or `2025-01-15T10:05`, or a bucket of a zone. */
  readonly start: string;
  readonly count: number;
}

/** Hours of UTC in which a bucket ends. */
export interface CutHours {
  readonly hours: readonly string[];
  /** Whether no bucket ends within a quarter of an hour. Since 1972 none does. */
  readonly atQuarters: boolean;
}

const MS_PER_MINUTE = 60_000;
const MINUTES_PER_HOUR = 60;
const MINUTES_PER_QUARTER = 15;
const MINUTES_PER_DAY = 1_440;
/** No zone was ever further from UTC; the largest offset is 15:13, Alaska's before 1867. */
const OFFSET_MINUTES_MAX = 16 * MINUTES_PER_HOUR;
/** Every timestamp is at or after it. */
const FIRST_MINUTE = Date.parse("0000-01-01T00:00:00Z") / MS_PER_MINUTE;

/**
 * The minutes, hours or days of a time zone. They follow each other without a gap:
 *
 * - A day begins at the first minute of its date. So a day has 23 or 25 hours when the clock
 *   changes. When the clock goes back across midnight, the repeated time belongs to the new day.
 * - An hour begins when the clock shows a whole hour, and also when the clock changes within it.
 */
export class ZonedBuckets {
  readonly #offsets: ZoneOffsets;
  readonly #unit: "minute" | "hour" | "day";
  #last: Minutes = { from: 0, until: 0 };

  constructor(zone: TimeZone, unit: "minute" | "hour" | "day") {
    this.#offsets = new ZoneOffsets(zone);
    this.#unit = unit;
  }

  /** The bucket that contains a UTC minute. */
  at(minute: number): Minutes {
    if (minute < this.#last.from || minute >= this.#last.until) this.#last = this.#find(minute);
    return this.#last;
  }

  /** Those hours of UTC that do not lie within one bucket. */
  cutHours(hours: readonly SpanCount[]): CutHours {
    const cut: string[] = [];
    let atQuarters = true;
    for (const { start } of hours) {
      const minute = minuteOf(start);
      if (minute === undefined) continue;
      const end = minute + MINUTES_PER_HOUR;
      if (this.at(minute).until >= end) continue;
      cut.push(start);
      for (let edge = this.at(minute).until; edge < end; edge = this.at(edge).until)
        atQuarters &&= edge % MINUTES_PER_QUARTER === 0;
    }
    return { hours: cut, atQuarters };
  }

  /**
   * Sums up spans of UTC that lie within one bucket each. Those whose start names no moment, such
   * as an hour 25, are left out. The result is in chronological order.
   */
  sum(spans: Iterable<SpanCount>): readonly SpanCount[] {
    const counts = new Map<number, number>();
    for (const { start, count } of spans) {
      const minute = minuteOf(start);
      if (minute === undefined) continue;
      const { from } = this.at(minute);
      counts.set(from, (counts.get(from) ?? 0) + count);
    }
    return [...counts]
      .sort(([a], [b]) => a - b)
      .map(([from, count]) => ({ start: this.#spell(from), count }));
  }

  #find(minute: number): Minutes {
    switch (this.#unit) {
      case "minute":
        return { from: minute, until: minute + 1 };
      case "hour":
        return this.#hour(minute);
      case "day":
        return this.#day(minute);
    }
  }

  #hour(minute: number): Minutes {
    const offset = this.#offsets.at(minute);
    const start = floorTo(minute + offset, MINUTES_PER_HOUR) - offset;
    const end = start + MINUTES_PER_HOUR;
    return {
      from: this.#offsets.changeWithin(start, minute) ?? start,
      until: this.#offsets.changeWithin(minute, end - 1) ?? end,
    };
  }

  #day(minute: number): Minutes {
    let date = Math.floor((minute + this.#offsets.at(minute)) / MINUTES_PER_DAY);
    let until = this.#startOfDate(date + 1);
    // The clock went back across midnight, and the next date has already begun.
    while (until <= minute) until = this.#startOfDate(++date + 1);
    return { from: this.#startOfDate(date), until };
  }

  /** The first minute at which the zone has this date or a later one. */
  #startOfDate(date: number): number {
    const midnight = date * MINUTES_PER_DAY;
    const earliest = midnight - OFFSET_MINUTES_MAX;
    const start = midnight - this.#offsets.at(earliest);
    const change = this.#offsets.changeWithin(earliest, midnight + OFFSET_MINUTES_MAX);
    if (change === undefined || start < change) return start;
    return Math.max(change, midnight - this.#offsets.at(change));
  }

  /**
   * `2026-11-29T00:00:00+05:30`. A moment whose local year does not have four digits is in UTC. The
   * first bucket begins with the first year.
   */
  #spell(from: number): string {
    const minute = Math.max(from, FIRST_MINUTE);
    const offset = this.#offsets.at(minute);
    const local = new Date((minute + offset) * MS_PER_MINUTE).toISOString();
    if (local.length > "2026-11-29T00:00:00.000Z".length)
      return `${new Date(minute * MS_PER_MINUTE).toISOString().slice(0, 19)}+00:00`;
    const ahead = Math.abs(offset);
    const sign = offset < 0 ? "-" : "+";
    const [hours, minutes] = [Math.floor(ahead / MINUTES_PER_HOUR), ahead % MINUTES_PER_HOUR];
    return `${local.slice(0, 19)}${sign}${twoDigits(hours)}:${twoDigits(minutes)}`;
  }
}

function floorTo(value: number, step: number): number {
  return Math.floor(value / step) * step;
}

function twoDigits(value: number): string {
  return String(value).padStart(2, "0");
}

/**
 * The first minute of a span. Rows of the older Python service may have minutes beyond 59: they
 * belong to the last minute of their hour.
 */
function minuteOf(start: string): number | undefined {
  const hour = Number(start.slice(11, 13));
  if (hour > 23 || !isCalendarDate(start)) return undefined;
  const midnight = Date.parse(`${start.slice(0, 10)}T00:00:00Z`) / MS_PER_MINUTE;
  return midnight + hour * MINUTES_PER_HOUR + Math.min(Number(start.slice(14)), 59);
}

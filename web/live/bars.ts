import { localTime, offsetAt, startOfDay } from "../text/zones.ts";

// The bars of a span of time: which unit they have, where they begin, and how many messages each
// has. Hours and days are those of the reader's zone.

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const MINUTES_UP_TO_MS = 3 * HOUR_MS;
const HOURS_UP_TO_MS = 7 * DAY_MS;
/** More buckets than this are drawn together, several a bar. */
const BARS_MAX = 90;
/** The service answers at most this many buckets. */
const BUCKETS_MAX = 10_000;

export type Unit = "minute" | "hour" | "day";

export interface Span {
  readonly since: number;
  /** Exclusive. */
  readonly until: number;
}

export interface Bar extends Span {
  readonly count: number;
}

export function unitOf({ since, until }: Span): Unit {
  const length = until - since;
  if (length <= MINUTES_UP_TO_MS) return "minute";
  return length <= HOURS_UP_TO_MS ? "hour" : "day";
}

/** The begin of the bucket of an instant. */
export function beginOf(unit: Unit, at: number, zone: string): number {
  if (unit === "day") return startOfDay(at, zone);
  const length = unit === "minute" ? MINUTE_MS : HOUR_MS;
  // An hour begins when the clocks of the zone show a whole one. Some zones are half an hour off.
  const offset = unit === "minute" ? 0 : offsetAt(at, zone);
  return Math.floor((at + offset) / length) * length - offset;
}

/** The bars of a span, with the empty ones, from the buckets of a timeline. */
export function barsOf(
  span: Span,
  zone: string,
  buckets: readonly { readonly start: string; readonly count: number }[],
): readonly Bar[] {
  const begins = beginsOf(unitOf(span), span, zone);
  const together = Math.ceil(begins.length / BARS_MAX);
  const starts = begins.filter((_, at) => at % together === 0);
  const counts = new Array<number>(starts.length).fill(0);
  for (const { start, count } of buckets) {
    const at = indexOfBar(starts, Date.parse(start));
    if (at >= 0) counts[at] = (counts[at] ?? 0) + count;
  }
  return starts.map((since, at) => ({
    since: Math.max(since, span.since),
    until: Math.min(starts[at + 1] ?? span.until, span.until),
    count: counts[at] ?? 0,
  }));
}

function beginsOf(unit: Unit, { since, until }: Span, zone: string): readonly number[] {
  const begins: number[] = [];
  for (let at = beginOf(unit, since, zone); at < until && begins.length < BUCKETS_MAX; ) {
    begins.push(at);
    at = nextBegin(unit, at, zone);
  }
  return begins;
}

function nextBegin(unit: Unit, at: number, zone: string): number {
  if (unit === "minute") return at + MINUTE_MS;
  if (unit === "hour") return at + HOUR_MS;
  const next = startOfDay(at, zone, 1);
  // Samoa left out a day: the next begin must be later all the same.
  return next > at ? next : at + DAY_MS;
}

/** The last bar that begins at or before an instant. */
function indexOfBar(starts: readonly number[], at: number): number {
  let [low, high] = [0, starts.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((starts[middle] ?? 0) <= at) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** Whether two instants are of one day in a zone. */
export function isSameDay(a: number, b: number, zone: string): boolean {
  const [x, y] = [localTime(a, zone), localTime(b, zone)];
  return x.year === y.year && x.month === y.month && x.day === y.day;
}

import type { ChartSpan } from "../route.ts";
import { instantOf, localTime, startOfDay } from "../text/zones.ts";
import { type Bar, beginOf, type Span, type Unit } from "./bars.ts";

// The spans of time that the charts of the Overview show, and the same time a week before.

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAYS_PER_WEEK = 7;

interface Shape {
  readonly unit: Unit;
  readonly bars: number;
}

const SHAPES: Readonly<Record<ChartSpan, Shape>> = {
  hour: { unit: "minute", bars: 60 },
  "two-days": { unit: "hour", bars: 48 },
  "ninety-days": { unit: "day", bars: 90 },
};

export function unitOfSpan(span: ChartSpan): Unit {
  return SHAPES[span].unit;
}

/**
 * The time that a chart shows. Its last minute is the last whole one. Its last hour or day is the
 * current one, because an hour is long to wait for.
 */
export function spanOf(span: ChartSpan, now: number, zone: string): Span {
  const { unit, bars } = SHAPES[span];
  if (unit === "minute") {
    const until = beginOf(unit, now, zone);
    return { since: until - bars * MINUTE_MS, until };
  }
  if (unit === "day") return { since: startOfDay(now, zone, 1 - bars), until: now };
  let since = beginOf(unit, now, zone);
  for (let bar = 1; bar < bars; bar++) since = beginOf(unit, since - 1, zone);
  return { since, until: now };
}

/** When the clocks of a zone showed the same time, seven days before. */
export function weekBefore(at: number, zone: string): number {
  const local = localTime(at, zone);
  return instantOf({ ...local, day: local.day - DAYS_PER_WEEK }, zone);
}

/** The whole buckets of the same bars, a week before. */
export function spanWeekBefore(bars: readonly Bar[], unit: Unit, zone: string): Span | undefined {
  const [first, last] = [bars[0], bars.at(-1)];
  if (first === undefined || last === undefined) return undefined;
  const end = weekBefore(last.since, zone);
  const length = unit === "minute" ? MINUTE_MS : HOUR_MS;
  const until = unit === "day" ? startOfDay(end, zone, 1) : end + length;
  return { since: weekBefore(first.since, zone), until };
}

/**
 * How many messages the time of each bar had a week before. A bar that is not over yet gets the
 * whole of that time: the line does not fall at its end.
 */
export function countsWeekBefore(
  bars: readonly Bar[],
  zone: string,
  buckets: readonly { readonly start: string; readonly count: number }[],
): readonly number[] {
  const counts = new Map<number, number>();
  for (const { start, count } of buckets) {
    const at = Date.parse(start);
    counts.set(at, (counts.get(at) ?? 0) + count);
  }
  return bars.map(({ since }) => counts.get(weekBefore(since, zone)) ?? 0);
}

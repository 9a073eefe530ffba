import { localTime } from "../text/zones.ts";
import type { Bar, Unit } from "./bars.ts";

// The marks of a chart's axes: at whole hours and weeks of the reader's zone, and at round counts.

export interface Tick {
  /** The index of a bar. */
  readonly at: number;
  readonly since: number;
  /** This mark begins a day. */
  readonly isDay: boolean;
}

const MINUTE_STEPS: readonly number[] = [5, 10, 15, 30];
const HOUR_STEPS: readonly number[] = [3, 6, 12, 24];
const WEEK_STEPS: readonly number[] = [1, 2, 4, 8];
const DAYS_PER_WEEK = 7;
/** 1970 began on a Thursday. */
const MONDAY_OFFSET_DAYS = 3;
const DAY_MS = 24 * 60 * 60_000;
const LINES_MAX = 3;
const ROUND: readonly number[] = [1, 2, 5, 10];

/** The marks of the bars: as many as there is room for, at even times. */
export function ticksOf(
  bars: readonly Bar[],
  unit: Unit,
  zone: string,
  ticksMax: number,
): readonly Tick[] {
  const places = bars.map(({ since }) => placeOf(since, unit, zone));
  const steps = { minute: MINUTE_STEPS, hour: HOUR_STEPS, day: WEEK_STEPS }[unit];
  const cuts = steps.map((step) =>
    bars.flatMap(({ since }, at) => {
      const place = places[at];
      if (place === undefined || place.number % step !== 0) return [];
      return [{ at, since, isDay: place.isDay }];
    }),
  );
  return cuts.find((ticks) => ticks.length <= ticksMax) ?? cuts.at(-1)?.slice(0, ticksMax) ?? [];
}

/** Which minute, hour or week it is. Days that begin no week have a broken number. */
function placeOf(at: number, unit: Unit, zone: string) {
  const { year, month, day, hour, minute } = localTime(at, zone);
  const isMidnight = hour === 0 && minute === 0;
  if (unit === "minute") return { number: minute, isDay: isMidnight };
  if (unit === "hour") return { number: hour, isDay: isMidnight };
  const days = Math.floor(Date.UTC(year, month - 1, day) / DAY_MS) + MONDAY_OFFSET_DAYS;
  return { number: days / DAYS_PER_WEEK, isDay: true };
}

/** Round counts from 0 to at least the highest: 0, 50, 100, 150. */
export function roundCounts(highest: number): readonly number[] {
  const step = roundStep(Math.max(1, highest) / LINES_MAX);
  const lines = Math.max(1, Math.ceil(highest / step));
  return Array.from({ length: lines + 1 }, (_, line) => line * step);
}

function roundStep(least: number): number {
  const magnitude = 10 ** Math.floor(Math.log10(least));
  const factor = ROUND.find((each) => each * magnitude >= least) ?? 10;
  return Math.max(1, factor * magnitude);
}

import { roundCounts, ticksOf } from "../live/axis.ts";
import type { Bar, Unit } from "../live/bars.ts";
import { compact, moments, zone } from "../text/format.ts";

// Where everything in a chart of bars is, in pixels from its upper left corner.

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** A mark beside an axis. */
export interface Mark {
  readonly at: number;
  readonly text: string;
}

export interface Layout {
  /** Where the bars are. */
  readonly area: Size & { readonly left: number; readonly top: number };
  /** Marks at the side, from 0 up. */
  readonly levels: readonly Mark[];
  /** Marks below the bars. */
  readonly ticks: readonly Mark[];
  readonly bars: string;
  /** Counts to compare with, as a line over the bars. Undefined if there is none. */
  readonly line: string | undefined;
}

export interface Figures {
  readonly bars: readonly Bar[];
  readonly unit: Unit;
  readonly line?: readonly number[] | undefined;
}

/** Room for a mark below the bars. */
const TICK_WIDTH = 84;
const TICKS_MIN = 2;
const BAR_SHARE = 0.72;
const AXIS_HEIGHT = 26;
/** Room for a digit of the axis at the side, and beside the text. */
const DIGIT_WIDTH = 7;
const SIDE_GAP = 10;
const TOP_GAP = 8;

export function layoutOf({ bars, unit, line }: Figures, size: Size): Layout {
  const counts = bars.map(({ count }) => count);
  const levels = roundCounts(Math.max(0, ...counts, ...(line ?? [])));
  const texts = levels.map(compact);
  const left = SIDE_GAP + DIGIT_WIDTH * Math.max(...texts.map(({ length }) => length));
  const area = {
    left,
    top: TOP_GAP,
    width: Math.max(1, size.width - left),
    height: Math.max(1, size.height - TOP_GAP - AXIS_HEIGHT),
  };
  const highest = levels.at(-1) ?? 1;
  const each = area.width / Math.max(1, bars.length);
  const xOf = (at: number) => left + (at + 0.5) * each;
  const yOf = (count: number) => area.top + area.height * (1 - count / highest);
  const bottom = yOf(0);
  return {
    area,
    levels: levels.map((count, at) => ({ at: yOf(count), text: texts[at] ?? "" })),
    ticks: marksBelow({ bars, unit }, size.width).map(({ at, text }) => ({ at: xOf(at), text })),
    bars: counts
      .map((count, at) => barPath(xOf(at), yOf(count), each * BAR_SHARE, bottom))
      .join(""),
    // A line along the bottom would say nothing and cut the bars.
    line: line?.some((count) => count > 0)
      ? line.map((count, at) => `${at === 0 ? "M" : "L"}${xOf(at)} ${yOf(count)}`).join("")
      : undefined,
  };
}

function barPath(middle: number, top: number, width: number, bottom: number): string {
  return `M${middle - width / 2} ${bottom}V${top}h${width}V${bottom}z`;
}

/** As many marks as there is room for: the index of a bar, and a text. */
function marksBelow({ bars, unit }: Figures, width: number): readonly Mark[] {
  const format = moments();
  const now = Date.now();
  const ticksMax = Math.max(TICKS_MIN, Math.floor(width / TICK_WIDTH));
  // A mark at the end would be cut.
  const lastAt = bars.length * (1 - TICK_WIDTH / 3 / Math.max(1, width));
  return ticksOf(bars, unit, zone(), ticksMax)
    .filter(({ at }) => at < lastAt)
    .map(({ at, since, isDay }) => ({
      at,
      text: isDay ? format.date(since, now) : format.time(since),
    }));
}

/** The bar at a horizontal position. */
export function indexAt({ area }: Layout, x: number, count: number): number {
  const at = Math.floor(((x - area.left) / area.width) * count);
  return Math.min(count - 1, Math.max(0, at));
}

/** Where the bars from one to another are. */
export function boxOf({ area }: Layout, first: number, last: number, count: number) {
  const each = area.width / Math.max(1, count);
  return { start: area.left + first * each, width: (last - first + 1) * each };
}

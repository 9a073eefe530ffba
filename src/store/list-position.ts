import type { ListPosition, MessageFilter } from "../domain/message-filter.ts";

/**
 * A part of a list: from `lo`, inclusive, to `hi`, exclusive. A missing bound is the end of the
 * list.
 */
export interface ListRange {
  readonly lo?: ListPosition | undefined;
  readonly hi?: ListPosition | undefined;
}

/** The position before every row of an instant. */
export function positionAt(instant: string): ListPosition {
  return { instant, messageId: "", source: "" };
}

/** The position before every row. */
export const START = positionAt("");

/**
 * The position directly after another one. No source contains NUL, so nothing sorts between a
 * source and the same source with U+0001 at its end.
 */
export function positionAfter({ instant, messageId, source }: ListPosition): ListPosition {
  return { instant, messageId, source: `${source}\u0001` };
}

export function comparePositions(a: ListPosition, b: ListPosition): number {
  return (
    compareText(a.instant, b.instant) ||
    compareText(a.messageId, b.messageId) ||
    compareText(a.source, b.source)
  );
}

/** Merges two sorted parts of a list. */
export function merge<Position extends ListPosition>(
  a: readonly Position[],
  b: readonly Position[],
  reverse: boolean,
): readonly Position[] {
  if (a.length === 0 || b.length === 0) return a.length === 0 ? b : a;
  const merged: Position[] = [];
  let at = 0;
  for (const entry of a) {
    for (; at < b.length; at++) {
      const other = b[at] as Position;
      const order = comparePositions(other, entry);
      if ((reverse ? -order : order) > 0) break;
      merged.push(other);
    }
    merged.push(entry);
  }
  merged.push(...b.slice(at));
  return merged;
}

/** The rows of a filter's time span. */
export function rangeOf({ since, until }: Pick<MessageFilter, "since" | "until">): ListRange {
  return {
    lo: since === undefined ? undefined : positionAt(since),
    hi: until === undefined ? undefined : positionAt(until),
  };
}

/** The intersection of two ranges. Of two equal bounds it has that of `b`. */
export function overlap(a: ListRange, b: ListRange): ListRange {
  const lo = a.lo && b.lo ? (comparePositions(a.lo, b.lo) > 0 ? a.lo : b.lo) : (a.lo ?? b.lo);
  const hi = a.hi && b.hi ? (comparePositions(a.hi, b.hi) < 0 ? a.hi : b.hi) : (a.hi ?? b.hi);
  return { lo, hi };
}

export function isEmpty({ lo, hi }: ListRange): boolean {
  return lo !== undefined && hi !== undefined && comparePositions(lo, hi) >= 0;
}

export function isWholeList({ lo, hi }: ListRange): boolean {
  return lo === undefined && hi === undefined;
}

/**
 * The order of the bytes of UTF-8, which both databases use. JavaScript's order, of UTF-16, differs
 * beyond U+FFFF.
 */
export function compareText(a: string, b: string): number {
  if (a === b) return 0;
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at++) {
    const difference = a.charCodeAt(at) - b.charCodeAt(at);
    if (difference !== 0) return weight(a.charCodeAt(at)) - weight(b.charCodeAt(at));
  }
  return a.length - b.length;
}

/** Changes UTF-16 code units so that surrogates sort after the rest of the basic plane. */
function weight(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}

const LAST_CODE_POINT = "\u{10ffff}";

/**
 * The exclusive upper bound of the numbers that begin with a prefix. In both databases texts are
 * compared by their bytes.
 */
export function prefixEnd(prefix: string): string {
  return prefix + LAST_CODE_POINT;
}

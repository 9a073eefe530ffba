import { type ListRange, merge, positionAfter } from "../../list-position.ts";
import type { Slice } from "../../page.ts";
import type { ListEntry } from "../sql.ts";
import type { Tail } from "./tail.ts";

/** The indexed messages of a filter, in the order of lists. */
export interface IndexedList {
  /** The number in a range. */
  count(range: ListRange): number;
  /** In reading order: descending with `reverse`. */
  entries(range: ListRange, slice: Slice): readonly ListEntry[];
}

/** A slice of a list with its tail: the indexed entries and the unindexed ones, in one order. */
export function mergedEntries(
  indexed: IndexedList,
  tail: Tail,
  range: ListRange,
  slice: Slice,
): readonly ListEntry[] {
  const { reverse, offset, limit } = slice;
  if (offset === 0) return firstEntries(indexed, tail, range, { reverse, limit });
  const late = tail.count(range);
  if (late === 0) return indexed.entries(range, slice);
  // If the whole tail came after the slice, the slice would begin here. This many entries of the
  // tail come before it.
  const [guess] = indexed.entries(range, { reverse, offset, limit: 1 });
  const before = guess === undefined ? late : tail.count(upTo(range, guess, reverse));
  if (before === 0 && guess !== undefined)
    return firstEntries(indexed, tail, from(range, guess, reverse), { reverse, limit });
  // So it begins here, or later by the number of tail entries between here and there.
  const passed = Math.max(0, offset - before);
  const [first] = passed === 0 ? [] : indexed.entries(range, { reverse, offset: passed, limit: 1 });
  if (passed > 0 && first === undefined) return [];
  const rest = first === undefined ? range : from(range, first, reverse);
  const skipped =
    offset - passed - (first === undefined ? 0 : tail.count(upTo(range, first, reverse)));
  return entriesAfter(indexed, tail, rest, { reverse, offset: skipped, limit });
}

/** Keys may be long, so the skipped entries are never in memory together. */
const SKIPPED_AT_ONCE = 1_000;

function entriesAfter(
  indexed: IndexedList,
  tail: Tail,
  range: ListRange,
  slice: Slice,
): readonly ListEntry[] {
  const { reverse, limit } = slice;
  let [rest, skip] = [range, slice.offset];
  while (skip > SKIPPED_AT_ONCE) {
    const last = firstEntries(indexed, tail, rest, { reverse, limit: SKIPPED_AT_ONCE }).at(-1);
    if (last === undefined) return [];
    rest = reverse ? { lo: rest.lo, hi: last } : { lo: positionAfter(last), hi: rest.hi };
    skip -= SKIPPED_AT_ONCE;
  }
  return firstEntries(indexed, tail, rest, { reverse, limit: skip + limit }).slice(skip);
}

function firstEntries(
  indexed: IndexedList,
  tail: Tail,
  range: ListRange,
  { reverse, limit }: { readonly reverse: boolean; readonly limit: number },
): readonly ListEntry[] {
  const entries = indexed.entries(range, { reverse, offset: 0, limit });
  return merge(entries, tail.entries(range, { reverse, limit }), reverse).slice(0, limit);
}

/** The part of a range before an entry, in reading order. */
function upTo(range: ListRange, entry: ListEntry, reverse: boolean): ListRange {
  return reverse ? { lo: positionAfter(entry), hi: range.hi } : { lo: range.lo, hi: entry };
}

/** The part of a range from an entry on, in reading order. */
function from(range: ListRange, entry: ListEntry, reverse: boolean): ListRange {
  return reverse ? { lo: range.lo, hi: positionAfter(entry) } : { lo: entry, hi: range.hi };
}

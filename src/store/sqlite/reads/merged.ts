import { boundAt, boundBehind, compareKeys, type Entry, type Range } from "../key.ts";
import type { IndexedList, Slice } from "./indexed-list.ts";
import type { Tail } from "./tail.ts";

/** A slice of a list with its tail: the folded entries and those that are not folded yet, in one order. */
export function mergedEntries(folded: IndexedList, tail: Tail, range: Range, slice: Slice): readonly Entry[] {
  const { reverse, offset, limit } = slice;
  if (offset === 0) return firstEntries(folded, tail, range, { reverse, limit });
  const late = tail.count(range);
  if (late === 0) return folded.entries(range, slice);
  // Were all of the tail behind the slice, it would begin here; so many of the tail are before it.
  const [guess] = folded.entries(range, { reverse, offset, limit: 1 });
  const before = guess === undefined ? late : tail.count(upTo(range, guess, reverse));
  if (before === 0 && guess !== undefined)
    return firstEntries(folded, tail, from(range, guess, reverse), { reverse, limit });
  // So it begins here, or so many entries later as of the tail are between here and there.
  const passed = Math.max(0, offset - before);
  const [first] = passed === 0 ? [] : folded.entries(range, { reverse, offset: passed, limit: 1 });
  if (passed > 0 && first === undefined) return [];
  const rest = first === undefined ? range : from(range, first, reverse);
  const skipped = offset - passed - (first === undefined ? 0 : tail.count(upTo(range, first, reverse)));
  return entriesBehind(folded, tail, rest, { reverse, offset: skipped, limit });
}

/** Keys may be long, so that the entries to be skipped are never in memory together. */
const SKIPPED_AT_ONCE = 1_000;

function entriesBehind(folded: IndexedList, tail: Tail, range: Range, slice: Slice): readonly Entry[] {
  const { reverse, limit } = slice;
  let [rest, skip] = [range, slice.offset];
  while (skip > SKIPPED_AT_ONCE) {
    const last = firstEntries(folded, tail, rest, { reverse, limit: SKIPPED_AT_ONCE }).at(-1);
    if (last === undefined) return [];
    rest = reverse ? { lo: rest.lo, hi: boundAt(last) } : { lo: boundBehind(last), hi: rest.hi };
    skip -= SKIPPED_AT_ONCE;
  }
  return firstEntries(folded, tail, rest, { reverse, limit: skip + limit }).slice(skip);
}

function firstEntries(
  folded: IndexedList,
  tail: Tail,
  range: Range,
  { reverse, limit }: { readonly reverse: boolean; readonly limit: number },
): readonly Entry[] {
  const entries = folded.entries(range, { reverse, offset: 0, limit });
  return merge(entries, tail.entries(range, { reverse, limit }), reverse).slice(0, limit);
}

/** The part of a range that is passed before an entry. */
function upTo(range: Range, entry: Entry, reverse: boolean): Range {
  return reverse ? { lo: boundBehind(entry), hi: range.hi } : { lo: range.lo, hi: boundAt(entry) };
}

/** The part of a range from an entry on. */
function from(range: Range, entry: Entry, reverse: boolean): Range {
  return reverse ? { lo: range.lo, hi: boundBehind(entry) } : { lo: boundAt(entry), hi: range.hi };
}

/** Two parts of a list in one order. */
export function merge(a: readonly Entry[], b: readonly Entry[], reverse: boolean): readonly Entry[] {
  if (a.length === 0 || b.length === 0) return a.length === 0 ? b : a;
  const merged: Entry[] = [];
  let at = 0;
  for (const entry of a) {
    for (; at < b.length; at++) {
      const other = b[at] as Entry;
      const order = compareKeys(other, entry);
      if ((reverse ? -order : order) > 0) break;
      merged.push(other);
    }
    merged.push(entry);
  }
  merged.push(...b.slice(at));
  return merged;
}

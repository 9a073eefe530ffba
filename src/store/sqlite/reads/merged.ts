import { compareKeys, type Entry, type Range } from "../key.ts";
import type { FoldedList, Slice } from "./folded-list.ts";

/** A slice of a list with its tail: the folded entries and those that are not folded yet, in one order. */
export function mergedEntries(
  folded: FoldedList,
  tail: readonly Entry[],
  range: Range,
  { reverse, offset, limit }: Slice,
): readonly Entry[] {
  const late = reverse ? tail.toReversed() : tail;
  // At least so many of those passed over are folded, whatever lies where: the tail is short, so little is looked at in vain.
  const passed = Math.max(0, offset - late.length);
  const window = folded.entries(range, { reverse, offset: passed, limit: offset - passed + limit });
  const merged = merge(window, late, reverse);
  // The window begins at `passed` plus the tail entries before it, which stand before it in `merged` too.
  const start = offset - passed;
  return merged.slice(start, start + limit);
}

function merge(a: readonly Entry[], b: readonly Entry[], reverse: boolean): readonly Entry[] {
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

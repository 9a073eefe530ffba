import type { Entry, Range } from "../key.ts";

/** Which entries of a range: `limit` of them behind the first `offset`, from its beginning or, `reverse`, from its end. */
export interface Slice {
  readonly reverse: boolean;
  readonly offset: number;
  readonly limit: number;
}

/** The messages of a filter that are in the read index, in the order of lists. */
export interface IndexedList {
  /** How many lie in the range. */
  count(range: Range): number;
  /** In the order in which they are passed: descending when `reverse`. */
  entries(range: Range, slice: Slice): readonly Entry[];
}

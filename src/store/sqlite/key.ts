import { compareText } from "../text-order.ts";
import { bucketPattern } from "../time-spans.ts";

/** Where a message stands in a list; the same three columns order every list. */
export interface Key {
  readonly instant: string;
  readonly messageId: string;
  readonly source: string;
}

/** A message as an index names it. */
export interface Entry extends Key {
  readonly seq: number;
}

/** One end of a {@link Range}, as the values of the three columns. */
export type Bound = readonly [instant: string | Uint8Array, messageId: string, source: string];

/** From `lo`, inclusive, to `hi`, exclusive. */
export interface Range {
  readonly lo: Bound;
  readonly hi: Bound;
}

/** The three columns, for a row value in SQL. */
export const KEY = "(instant, message_id, source)";
/** The same as the columns of an {@link Entry}. */
export const ENTRY = "seq, instant, message_id AS messageId, source";
export const ASCENDING = "instant, message_id, source";
export const DESCENDING = "instant DESC, message_id DESC, source DESC";
/** The condition of a range; its values are {@link rangeValues}. */
export const IN_RANGE = `${KEY} >= (?, ?, ?) AND ${KEY} < (?, ?, ?)`;

/** The condition to be one of some messages; its value is a JSON array of their seq. */
export const IN_SEQS = "seq IN (SELECT value FROM json_each(?))";

export const START: Bound = ["", "", ""];
/** SQLite sorts every blob behind every text. */
export const END: Bound = [new Uint8Array(0), "", ""];

export function isEverything({ lo, hi }: Range): boolean {
  return compareBounds(lo, START) === 0 && compareBounds(hi, END) === 0;
}

export function rangeValues({ lo, hi }: Range): readonly (string | Uint8Array)[] {
  return [...lo, ...hi];
}

export function boundAt({ instant, messageId, source }: Key): Bound {
  return [instant, messageId, source];
}

/** The bound right behind a key: no text sorts between it and itself with a NUL. */
export function boundBehind({ instant, messageId, source }: Key): Bound {
  return [instant, messageId, `${source}\0`];
}

export function compareKeys(a: Key, b: Key): number {
  return compareKeyToBound(a, boundAt(b));
}

export function compareKeyToBound(key: Key, [instant, messageId, source]: Bound): number {
  if (typeof instant !== "string") return -1;
  return compareText(key.instant, instant) || compareText(key.messageId, messageId) || compareText(key.source, source);
}

export function compareBounds(a: Bound, b: Bound): number {
  const [instant, messageId, source] = a;
  if (typeof instant !== "string") return typeof b[0] === "string" ? 1 : 0;
  return compareKeyToBound({ instant, messageId, source }, b);
}

/** The condition that a message has a bucket: see {@link bucketPattern}. */
export function hasBucket(characters: number): string {
  return `instant GLOB '${bucketPattern(characters)}*'`;
}

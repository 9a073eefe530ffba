import { compareText } from "../text-order.ts";

/** Where a message stands in a list; the same three columns order every list. */
export interface Key {
  readonly instant: string;
  readonly messageId: string;
  readonly source: string;
}

/** From `lo`, inclusive, to `hi`, exclusive; an end that is not there is that of the list. */
export interface Range {
  readonly lo?: Key | undefined;
  readonly hi?: Key | undefined;
}

/** A list that is counted: all messages, those of a sender, or those to a receiver. */
export interface List {
  readonly kind: "all" | "from" | "to";
  /** The number, or '' for all. */
  readonly name: string;
}

export const ALL: List = { kind: "all", name: "" };
/** The three columns, for a row value in SQL and for its order. */
export const KEY = "instant, message_id, source";
export const DESCENDING = "instant DESC, message_id DESC, source DESC";
/** The same as the fields of a {@link Key}. */
export const KEY_FIELDS = `instant, message_id AS "messageId", source`;

/** The key right behind another: no text lies between one and the same with U+0001, since there is no NUL here. */
export function keyBehind({ instant, messageId, source }: Key): Key {
  return { instant, messageId, source: `${source}\u0001` };
}

/** The key before every one of a moment. */
export function keyAt(instant: string): Key {
  return { instant, messageId: "", source: "" };
}

export function compareKeys(a: Key, b: Key): number {
  return compareText(a.instant, b.instant) || compareText(a.messageId, b.messageId) || compareText(a.source, b.source);
}

/** What lies in both. */
export function overlap(a: Range, b: Range): Range {
  const lo = a.lo !== undefined && b.lo !== undefined ? (compareKeys(a.lo, b.lo) > 0 ? a.lo : b.lo) : (a.lo ?? b.lo);
  const hi = a.hi !== undefined && b.hi !== undefined ? (compareKeys(a.hi, b.hi) < 0 ? a.hi : b.hi) : (a.hi ?? b.hi);
  return { lo, hi };
}

import type { Transaction } from "../connection.ts";
import type { Values } from "../sql.ts";

/** How far the messages of a stream are counted. */
export interface Watermark {
  readonly stream: number;
  readonly indexedSeq: number;
}

/** A part of a stream: after the first number, up to the second. */
export interface Window {
  readonly stream: number;
  readonly after: number;
  readonly upTo: number;
}

/**
 * The watermarks of every stream that may have a tail. The messages of all other streams are
 * counted, except those of streams that are opened later, see {@link isStreamOpenedSince}.
 */
export function watermarks(tx: Transaction): Promise<readonly Watermark[]> {
  return tx.all<Watermark>(
    `SELECT stream, indexed_seq AS "indexedSeq" FROM streams ORDER BY stream`,
  );
}

/**
 * Whether a stream was opened after the watermarks were read. A stream is opened before its first
 * message. So if this is false after a count, the count has no message of an unknown stream.
 */
export async function isStreamOpenedSince(
  tx: Transaction,
  marks: readonly Watermark[],
): Promise<boolean> {
  const known = new Set(marks.map(({ stream }) => stream));
  return (await watermarks(tx)).some(({ stream }) => !known.has(stream));
}

/**
 * The condition that a message is in the tail: stored and not counted yet. It names each stream, so
 * that the planner can look the numbers up in its statistics. For a join, the planner would assume
 * a third of all messages.
 */
export function inTail(marks: readonly Watermark[], values: Values): string {
  const tails = marks.map(
    ({ stream, indexedSeq }) =>
      `(stream = ${values.add(stream)} AND seq > ${values.add(indexedSeq)})`,
  );
  return tails.length === 0 ? "false" : `(${tails.join(" OR ")})`;
}

/** The condition that a message is in one of some parts of streams. */
export function inWindows(windows: readonly Window[], values: Values): string {
  const parts = windows.map(
    ({ stream, after, upTo }) =>
      `(stream = ${values.add(stream)} AND seq > ${values.add(after)} AND seq <= ${values.add(upTo)})`,
  );
  return parts.length === 0 ? "false" : `(${parts.join(" OR ")})`;
}

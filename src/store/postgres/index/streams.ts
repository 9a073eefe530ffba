import type { Transaction } from "../connection.ts";
import type { Values } from "../sql.ts";

/** How far a stream of messages is in the counts. */
export interface Watermark {
  readonly stream: number;
  readonly indexedSeq: number;
}

/** A part of a stream: behind the first number, up to the second. */
export interface Window {
  readonly stream: number;
  readonly after: number;
  readonly upTo: number;
}

/** The watermarks of every stream that may have a tail. What is in no stream known here is counted. */
export function watermarks(tx: Transaction): Promise<readonly Watermark[]> {
  return tx.all<Watermark>(`SELECT stream, folded_seq AS "indexedSeq" FROM streams ORDER BY stream`);
}

/**
 * That a message is in the tail: stored, and not counted yet. Spelt out stream by stream, so that the planner sees numbers it can
 * look up in its statistics; of a join it would believe that a third of all messages come out.
 */
export function inTail(marks: readonly Watermark[], values: Values): string {
  const tails = marks.map(
    ({ stream, indexedSeq }) => `(stream = ${values.add(stream)} AND seq > ${values.add(indexedSeq)})`,
  );
  return tails.length === 0 ? "false" : `(${tails.join(" OR ")})`;
}

/** That a message is in one of some parts of streams. */
export function inWindows(windows: readonly Window[], values: Values): string {
  const parts = windows.map(
    ({ stream, after, upTo }) =>
      `(stream = ${values.add(stream)} AND seq > ${values.add(after)} AND seq <= ${values.add(upTo)})`,
  );
  return parts.length === 0 ? "false" : `(${parts.join(" OR ")})`;
}

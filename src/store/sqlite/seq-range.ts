import type { Statements } from "./statements.ts";

/** Messages by their seq: after the first number, up to the second. */
export type SeqRange = readonly [after: number, upTo: number];

export const IN_SEQ_RANGE = "seq > ? AND seq <= ?";

/** The bytes of a row that its sender controls. SQLite reads lengths without reading the texts. */
const ROW_BYTES = `octet_length(source) + octet_length(message_id) + octet_length(from_msisdn) + octet_length(to_msisdn)
  + octet_length(ts) + coalesce(octet_length(text), 0)`;

/**
 * The first part of a range with at most `bytesMax`, or a single number: a longer message is a part
 * of its own.
 */
export function beginningOf(
  statements: Statements,
  [after, upTo]: SeqRange,
  bytesMax: number,
): SeqRange {
  let end = upTo;
  while (isTooLarge(statements, [after, end], bytesMax)) end = middleOf([after, end]);
  return [after, end];
}

/** A range in parts of at most `bytesMax`, or of a single number. */
export function* partsOf(
  statements: Statements,
  range: SeqRange,
  bytesMax: number,
): Generator<SeqRange> {
  if (!isTooLarge(statements, range, bytesMax)) return yield range;
  const middle = middleOf(range);
  yield* partsOf(statements, [range[0], middle], bytesMax);
  yield* partsOf(statements, [middle, range[1]], bytesMax);
}

function isTooLarge(statements: Statements, range: SeqRange, bytesMax: number): boolean {
  if (range[1] - range[0] <= 1) return false;
  const sql = `SELECT sum(${ROW_BYTES}) FROM lyftr_messages WHERE ${IN_SEQ_RANGE}`;
  return statements.number(sql, range) > bytesMax;
}

function middleOf([after, upTo]: SeqRange): number {
  return after + Math.floor((upTo - after) / 2);
}

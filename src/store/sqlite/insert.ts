import type { NewMessage } from "../../domain/message.ts";
import { instantOf } from "../../domain/timestamp.ts";
import { tombstoneOf } from "../retention.ts";
import type { InsertOutcome } from "../store.ts";
import type { Statements } from "./statements.ts";

/**
 * Rows one after the other in one flat array. Sending that to the writer thread costs little more
 * than half as much as objects.
 */
export type PackedRows = readonly (string | null)[];

export const COLUMNS_PER_ROW = 7;

export function packRows(rows: readonly NewMessage[]): PackedRows {
  const packed: (string | null)[] = [];
  for (const row of rows)
    packed.push(row.source, row.messageId, row.from, row.to, row.ts, row.text, row.createdAt);
  return packed;
}

type InsertOne = (row: PackedRows, at: number, seq: number) => InsertOutcome;

/**
 * No number is used twice, not even that of a deleted message: the index and a copy are tracked by
 * it.
 */
const LAST_SEQ =
  "SELECT max(seq_floor, coalesce((SELECT max(seq) FROM lyftr_messages), 0)) FROM deletions";
const ANY_TOMBSTONE = "SELECT 1 FROM tombstones LIMIT 1";
const TOMBSTONE = "SELECT 1 FROM tombstones WHERE hash = ?";

/** Inserts rows within a transaction that may write. Returns the outcome of each. */
export function inserting(statements: Statements): (rows: PackedRows) => readonly InsertOutcome[] {
  const insertOne = prepareInsert(statements);
  return (rows) => insertAll(statements, insertOne, rows);
}

function insertAll(
  statements: Statements,
  insertOne: InsertOne,
  rows: PackedRows,
): readonly InsertOutcome[] {
  const outcomes: InsertOutcome[] = [];
  let last = statements.number(LAST_SEQ);
  const anyDeleted = statements.get(ANY_TOMBSTONE) !== undefined;
  const isDeleted = (at: number) => {
    const [source, messageId] = rows.slice(at, at + 2) as [string, string];
    return statements.get(TOMBSTONE, [tombstoneOf({ source, messageId })]) !== undefined;
  };
  for (let at = 0; at < rows.length; at += COLUMNS_PER_ROW) {
    const outcome = anyDeleted && isDeleted(at) ? "duplicate" : insertOne(rows, at, last + 1);
    if (outcome === "created") last++;
    outcomes.push(outcome);
  }
  return outcomes;
}

function prepareInsert({ db }: Statements): InsertOne {
  const insert = db.prepare(
    `INSERT INTO lyftr_messages (seq, source, message_id, from_msisdn, to_msisdn, ts, text, created_at, instant)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
  );
  const same = db.prepare(
    `SELECT 1 FROM lyftr_messages
     WHERE source = ? AND message_id = ? AND from_msisdn = ? AND to_msisdn = ? AND ts = ? AND text IS ?`,
  );
  return (rows, at, seq) => {
    const [source, id, from, to, ts, text, createdAt] = rows.slice(at, at + COLUMNS_PER_ROW) as [
      string,
      string,
      string,
      string,
      string,
      string | null,
      string,
    ];
    if (insert.run(seq, source, id, from, to, ts, text, createdAt, instantOf(ts)).changes === 1)
      return "created";
    return same.get(source, id, from, to, ts, text) === undefined ? "conflict" : "duplicate";
  };
}

import type { DatabaseSync } from "node:sqlite";
import { instantOf } from "../../domain/timestamp.ts";
import type { InsertOutcome } from "../store.ts";
import { type AccessCall, carryOut } from "./access/operations.ts";
import { cutLog, openWriter, transaction } from "./connection.ts";
import { COLUMNS_PER_ROW, type PackedRows } from "./packed-rows.ts";
import { Statements } from "./statements.ts";
import { requireCurrentSchema, upgrade } from "./upgrade.ts";
import { serveLine } from "./worker-line.ts";

// The code of the one thread that writes: an fsync, a lock or a checkpoint stops it, and nothing else.
serveLine(({ path, migrate }: { path: string; migrate: boolean }, report) => {
  const db = openWriter(path);
  if (!migrate) requireCurrentSchema(db);
  const opened = upgrade(db, report);
  const insertOne = prepareInsert(db);
  const statements = new Statements(db);
  return {
    opened: () => opened,
    insert: (rows: PackedRows) => transaction(db, "BEGIN IMMEDIATE", () => insertAll(insertOne, rows)),
    access: (call: AccessCall) => carryOut(statements, call),
    cutLog: () => cutLog(db, "main"),
    close: () => db.close(),
  };
});

type InsertOne = (row: PackedRows, at: number) => InsertOutcome;

function insertAll(insertOne: InsertOne, rows: PackedRows): readonly InsertOutcome[] {
  const outcomes: InsertOutcome[] = [];
  for (let at = 0; at < rows.length; at += COLUMNS_PER_ROW) outcomes.push(insertOne(rows, at));
  return outcomes;
}

function prepareInsert(db: DatabaseSync): InsertOne {
  const insert = db.prepare(
    `INSERT INTO messages (source, message_id, from_msisdn, to_msisdn, ts, text, created_at, instant)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
  );
  const same = db.prepare(
    `SELECT 1 FROM messages
     WHERE source = ? AND message_id = ? AND from_msisdn = ? AND to_msisdn = ? AND ts = ? AND text IS ?`,
  );
  return (rows, at) => {
    const [source, id, from, to, ts, text, createdAt] = rows.slice(at, at + COLUMNS_PER_ROW) as [
      string,
      string,
      string,
      string,
      string,
      string | null,
      string,
    ];
    if (insert.run(source, id, from, to, ts, text, createdAt, instantOf(ts)).changes === 1) return "created";
    return same.get(source, id, from, to, ts, text) === undefined ? "conflict" : "duplicate";
  };
}

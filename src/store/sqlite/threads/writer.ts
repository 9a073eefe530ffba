import { checkpoint, cutLog, transaction } from "../connection.ts";
import { type AccessCall, carryOut } from "../credentials/operations.ts";
import { inserting } from "../insert.ts";
import { openUpgraded } from "../open-upgraded.ts";
import type { PackedRows } from "../packed-rows.ts";
import { Statements } from "../statements.ts";
import { serveLine } from "./worker-client.ts";

// The code of the one thread that writes: an fsync, a lock or a checkpoint stops it, and nothing else.
serveLine(({ path, migrate }: { path: string; migrate: boolean }, report) => {
  const { db, upgraded } = openUpgraded(path, { migrate, report });
  const statements = new Statements(db);
  const insert = inserting(statements);
  return {
    opened: () => upgraded,
    insert: (rows: PackedRows) => transaction(db, "BEGIN IMMEDIATE", () => insert(rows)),
    access: (call: AccessCall) => carryOut(statements, call),
    cutLog: () => cutLog(db, "main"),
    afterAnswer: () => checkpoint(statements, "main"),
    close: () => db.close(),
  };
});

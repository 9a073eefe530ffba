import { checkpoint, transaction, truncateWal } from "../connection.ts";
import { type CredentialsCall, carryOut } from "../credentials/operations.ts";
import { inserting, type PackedRows } from "../insert.ts";
import { openUpgraded } from "../open-upgraded.ts";
import { Statements } from "../statements.ts";
import { serveWorker } from "./serve-worker.ts";

// The code of the one writer thread. Only it runs checkpoints of the messages. A slow fsync, a lock
// or a checkpoint delays this thread and no other.
serveWorker(({ path, migrate }: { path: string; migrate: boolean }, report) => {
  const { db, upgraded } = openUpgraded(path, { migrate, report });
  const statements = new Statements(db);
  const insert = inserting(statements);
  return {
    opened: () => upgraded,
    insert: (rows: PackedRows) => transaction(db, "BEGIN IMMEDIATE", () => insert(rows)),
    credentials: (call: CredentialsCall) => carryOut(statements, call),
    truncateWal: () => truncateWal(db, "main"),
    // Another thread has written. What this operation is for runs after its answer.
    written: () => undefined,
    afterAnswer: () => checkpoint(statements, "main"),
    close: () => db.close(),
  };
});

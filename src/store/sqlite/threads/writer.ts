import { checkpoint, transaction, truncateWal } from "../connection.ts";
import { type CredentialsCall, carryOut } from "../credentials/operations.ts";
import { inserting, type PackedRows } from "../insert.ts";
import { openUpgraded } from "../open-upgraded.ts";
import { Statements } from "../statements.ts";
import { serveWorker } from "./serve-worker.ts";

// The code of the one writer thread. A slow fsync, lock or checkpoint delays this thread and no
// other.
serveWorker(({ path, migrate }: { path: string; migrate: boolean }, report) => {
  const { db, upgraded } = openUpgraded(path, { migrate, report });
  const statements = new Statements(db);
  const insert = inserting(statements);
  return {
    opened: () => upgraded,
    insert: (rows: PackedRows) => transaction(db, "BEGIN IMMEDIATE", () => insert(rows)),
    credentials: (call: CredentialsCall) => carryOut(statements, call),
    truncateWal: () => truncateWal(db, "main"),
    afterAnswer: () => checkpoint(statements, "main"),
    close: () => db.close(),
  };
});

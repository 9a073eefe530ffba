import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { readdirSync, statSync, writeFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { StoreDamaged, StoreUnavailable } from "../../src/domain/errors.ts";
import { backUp } from "../../src/store/sqlite/backup.ts";
import { temporaryFolder, valueIn } from "../support/cli.ts";

const MIB = 1024 * 1024;
const SIZE_MIB = 40;

/** A database in WAL mode of some 40 MiB, and a connection that writes to it. */
function bigDatabase(path: string): DatabaseSync {
  const db = new DatabaseSync(path);
  db.exec("PRAGMA journal_mode = WAL; CREATE TABLE rows (kind TEXT, bytes BLOB)");
  db.exec(`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${SIZE_MIB})
           INSERT INTO rows SELECT 'before', randomblob(${MIB}) FROM n`);
  return db;
}

test("a backup ends although another connection writes between its steps, and contains nothing of that", async () => {
  using folder = temporaryFolder();
  const writer = bigDatabase(folder.file("app.db"));
  let steps = 0;
  await backUp(folder.file("app.db"), folder.file("b.db"), {
    progress: () => {
      // If it restarted after each write, it would never end: so the writes stop at some number.
      if (++steps < 100) writer.exec("INSERT INTO rows VALUES ('during', NULL)");
    },
  });
  writer.close();
  ok(steps > 2 && steps < 20, `${steps} steps`);
  equal(statSync(folder.file("b.db")).mode & 0o777, 0o600);
  equal(valueIn(folder.file("b.db"), "SELECT count(*) FROM rows WHERE kind = 'before'"), SIZE_MIB);
  equal(valueIn(folder.file("b.db"), "SELECT count(*) FROM rows WHERE kind = 'during'"), 0);
  equal(valueIn(folder.file("app.db"), "SELECT count(*) FROM rows WHERE kind = 'during'"), steps);
});

test("a backup includes what is only in the write-ahead log, and is one file without its own log", async () => {
  using folder = temporaryFolder();
  const writer = new DatabaseSync(folder.file("app.db"));
  writer.exec(
    "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; CREATE TABLE rows (n); INSERT INTO rows VALUES (7)",
  );
  await backUp(folder.file("app.db"), folder.file("b.db"), { progress: () => undefined });
  writer.close();
  deepEqual(
    readdirSync(folder.path).filter((name) => name.startsWith("b")),
    ["b.db"],
  );
  equal(valueIn(folder.file("b.db"), "SELECT n FROM rows"), 7);
});

test("a failed backup rejects as the store does, and keeps the existing file", async () => {
  using folder = temporaryFolder();
  writeFileSync(folder.file("b.db"), "the backup of yesterday");
  writeFileSync(folder.file("junk.db"), "this is no database at all".repeat(100));
  const progress = () => undefined;
  await rejects(backUp(folder.file("junk.db"), folder.file("b.db"), { progress }), StoreDamaged);
  await rejects(
    backUp(folder.file("absent.db"), folder.file("b.db"), { progress }),
    StoreUnavailable,
  );
  deepEqual(readdirSync(folder.path).sort(), ["b.db", "junk.db"]);
});

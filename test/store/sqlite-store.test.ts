import { deepEqual, equal, match, rejects } from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import {
  StoreBroken,
  StoreDamaged,
  StoreRefused,
  StoreUnavailable,
} from "../../src/domain/errors.ts";
import type { Damage } from "../../src/store/damage.ts";
import { openWriter, toStoreError } from "../../src/store/sqlite/connection.ts";
import { SqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import { WorkerClient } from "../../src/store/sqlite/threads/worker-client.ts";
import { exerciseMessages, message, query } from "./exercise.ts";

exerciseMessages("sqlite", () => {
  const folder = mkdtempSync(join(tmpdir(), "lyftr-store-"));
  return {
    open: () => SqliteStore.open(join(folder, "new", "app.db")),
    remove: () => rmSync(folder, { recursive: true }),
  };
});

/** A path in a fresh folder that is removed at the end of the scope. */
function temporary(): { path: string; [Symbol.dispose](): void } {
  const folder = mkdtempSync(join(tmpdir(), "lyftr-store-"));
  return {
    path: join(folder, "app.db"),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true }),
  };
}

test("every open, the second like the first, is WAL with synchronous=FULL", () => {
  using file = temporary();
  for (const attempt of ["first", "second", "third"]) {
    const db = openWriter(file.path);
    equal(db.prepare("PRAGMA synchronous").get()?.synchronous, 2, attempt);
    equal(db.prepare("PRAGMA journal_mode").get()?.journal_mode, "wal", attempt);
    db.close();
  }
});

test("a batch with a refused row is refused as a whole, and nothing of it is stored", async () => {
  using file = temporary();
  const store = await SqliteStore.open(file.path);
  refuseId(file.path, "poison");
  await rejects(
    store.insertMessages([message("a"), message("poison"), message("b")]),
    /refused by a trigger/,
  );
  deepEqual((await store.findMessages(query())).total, 0);
  deepEqual(await store.insertMessages([message("a")]), ["created"]);
  await store.close();
});

test("a lock held by another process makes writes unavailable after two seconds, while reads continue", async () => {
  using file = temporary();
  const store = await SqliteStore.open(file.path);
  await store.insertMessages([message("before")]);
  const other = new DatabaseSync(file.path);
  other.exec("BEGIN IMMEDIATE");
  const startMs = performance.now();
  const refused = rejects(store.insertMessages([message("during")]), StoreUnavailable);
  equal((await store.findMessages(query())).total, 1);
  await store.ping();
  await refused;
  equal(performance.now() - startMs >= 1_900, true);
  other.exec("ROLLBACK");
  other.close();
  deepEqual(await store.insertMessages([message("during")]), ["created"]);
  await store.close();
});

test("a file that is not a database is refused with advice when it is opened", async () => {
  using file = temporary();
  writeFileSync(file.path, "this is no database, but long enough to look like one".repeat(100));
  await rejects(SqliteStore.open(file.path), (error: Error) => {
    match(
      error.message,
      /app\.db is not a SQLite database, or its first page is damaged: .* restore a backup/,
    );
    return error instanceof StoreRefused;
  });
});

test("a thread whose database is damaged says so, opens it when it is sound again, and closes", async () => {
  using file = temporary();
  writeFileSync(file.path, "this is no database, but long enough to look like one".repeat(100));
  const line = new WorkerClient("writer", { path: file.path, migrate: true });
  await rejects(line.call("opened"), StoreDamaged);
  rmSync(file.path);
  await line.call("opened");
  await line.close();
});

test("a dead thread rejects calls, and closing it still ends", async () => {
  const line = new WorkerClient("no-such-file", {});
  await line.broken;
  await rejects(line.call("opened"), StoreBroken);
  await line.close();
});

test("a database of a newer version is refused and not touched", async () => {
  using file = temporary();
  await (await SqliteStore.open(file.path)).close();
  const db = new DatabaseSync(file.path);
  db.exec("INSERT INTO lyftr_migrations (version, name) VALUES (99, 'from the future')");
  db.close();
  await rejects(SqliteStore.open(file.path), (error: Error) => {
    match(error.message, /schema 99/);
    return error instanceof StoreRefused;
  });
});

test("a messages table that is not the Python service's is refused and named", async () => {
  using file = temporary();
  const db = new DatabaseSync(file.path);
  db.exec("CREATE TABLE messages (id INTEGER PRIMARY KEY, body TEXT)");
  db.close();
  await rejects(SqliteStore.open(file.path), (error: Error) => {
    match(error.message, /message_id, from_msisdn/);
    return error instanceof StoreRefused;
  });
});

test("more reads than the queue holds are refused at once, and the health check still gets through", async () => {
  using file = temporary();
  const store = await SqliteStore.open(file.path);
  const reads = await Promise.allSettled(Array.from({ length: 400 }, () => store.stats()));
  const refused = reads.filter((read) => read.status === "rejected");
  equal(refused.length > 0 && refused.every(({ reason }) => reason.name === "Overloaded"), true);
  await store.ping();
  await store.close();
});

function refuseId(path: string, id: string): void {
  const db = new DatabaseSync(path);
  db.exec(
    `CREATE TRIGGER refuse BEFORE INSERT ON lyftr_messages WHEN new.message_id = '${id}' BEGIN SELECT RAISE(ABORT, 'refused by a trigger'); END`,
  );
  db.close();
}

test("only its owner can read a new database", async () => {
  using file = temporary();
  const store = await SqliteStore.open(file.path);
  await store.insertMessages([message("m1")]);
  for (const suffix of ["", "-wal", "-shm"])
    equal(statSync(file.path + suffix).mode & 0o777, 0o600, suffix);
  await store.close();
});

test("a temporary I/O error means unavailable, any other one is fatal, and so is damage", () => {
  const meaning = (errcode: number) =>
    toStoreError(Object.assign(new Error("disk I/O error"), { errcode })).name;
  for (const passing of [5, 13, 4_874, 6_410])
    equal(meaning(passing), "StoreUnavailable", String(passing));
  for (const fatal of [10, 778, 1_034]) equal(meaning(fatal), "StoreBroken", String(fatal));
  for (const damage of [11, 26]) equal(meaning(damage), "StoreDamaged", String(damage));
});

test("an I/O error without a reason means unavailable on a full disk only, and a failed fsync is fatal there too", () => {
  using file = temporary();
  const meaning = (errcode: number, path: string) =>
    toStoreError(Object.assign(new Error("disk I/O error"), { errcode }), path).name;
  // No file can be created in /proc, and it has no room. The full-text search turns every error of
  // its files into a plain 10.
  for (const write of [10, 778, 1_546, 14])
    equal(meaning(write, "/proc/app.db"), "StoreUnavailable", String(write));
  for (const other of [266, 1_034, 1_290])
    equal(meaning(other, "/proc/app.db"), "StoreBroken", String(other));
  for (const fatal of [10, 778, 1_034])
    equal(meaning(fatal, file.path), "StoreBroken", String(fatal));
  deepEqual(
    readdirSync(dirname(file.path)).filter((name) => name.includes("probe")),
    [],
  );
});

test("a read index that turns out to be damaged is discarded and rebuilt while the store stays open", async () => {
  using file = temporary();
  const rows = (name: string) =>
    Array.from({ length: 3_000 }, (_, n) => message(`${name}${n}`, { from: `+${n}` }));
  const first = await SqliteStore.open(file.path);
  await first.insertMessages(rows("a"));
  while (first.backlogRows() > 0) await new Promise(setImmediate);
  await first.close();
  const index = `${file.path}-index`;
  const bytes = readFileSync(index);
  // Everything except the schema and the few rows that are read when it is opened.
  bytes.fill(0xff, 40 * 4_096);
  writeFileSync(index, bytes);
  const told = Promise.withResolvers<Damage>();
  const store = await SqliteStore.open(file.path, { damaged: told.resolve });
  await store.insertMessages(rows("b"));
  const { kind, file: named } = await told.promise;
  deepEqual([kind, named], ["read_index", index]);
  equal((await store.stats()).total, 6_000);
  while (store.backlogRows() > 0) await new Promise(setImmediate);
  deepEqual([(await store.stats()).total, (await store.stats()).senders], [6_000, 3_000]);
  await store.close();
});

test("votes for alerts are read until they expire", async () => {
  const folder = mkdtempSync(join(tmpdir(), "lyftr-store-"));
  const store = await SqliteStore.open(join(folder, "app.db"));
  const nowMs = Date.parse("2025-01-15T10:00:00.000Z");
  const votes = [{ rule: "disk", summary: "it", since: "2025-01-15T10:00:00.000Z" }];
  await store.alerts.exchange({ holder: "a", nowMs, mayLead: false, votes, notices: [] });
  deepEqual(await store.alerts.votes(nowMs + 60_000), votes);
  deepEqual(await store.alerts.votes(nowMs + 60_001), []);
  await store.close();
  rmSync(folder, { recursive: true });
});

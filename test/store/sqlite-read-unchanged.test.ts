import { deepEqual, equal, match, rejects } from "node:assert/strict";
import { chmodSync, copyFileSync, readdirSync, rmSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { StoreRefused } from "../../src/domain/errors.ts";
import {
  openCopyEndpoint,
  openCredentials,
  openRetentionPreview,
  openStore,
} from "../../src/store/open.ts";
import { contentsOf, requireOurs } from "../../src/store/sqlite/contents.ts";
import { readUnchanged } from "../../src/store/sqlite/read-unchanged.ts";
import { temporaryFolder } from "../support/cli.ts";
import { NOT_OURS, OURS, snapshotOf } from "../support/sqlite-states.ts";
import { message } from "./exercise.ts";

const count = (db: DatabaseSync) => Number(db.prepare("SELECT count(*) AS n FROM audit").get()?.n);

for (const [name, make] of Object.entries(OURS)) {
  test(`${name} is read completely, and neither it nor its folder is changed`, async () => {
    using folder = temporaryFolder();
    const path = folder.file("100% a&b.db");
    await make(path);
    const before = snapshotOf(folder.path);
    equal(await readUnchanged(path, count), 1);
    await requireOurs(path);
    deepEqual(snapshotOf(folder.path), before);
  });

  test(`${name} is read in a read-only folder`, async () => {
    using folder = temporaryFolder();
    const path = folder.file("app.db");
    await make(path);
    for (const file of readdirSync(folder.path)) chmodSync(folder.file(file), 0o444);
    chmodSync(folder.path, 0o555);
    const before = snapshotOf(folder.path);
    equal(await asNobody(() => readUnchanged(path, count)), 1);
    deepEqual(snapshotOf(folder.path), before);
    chmodSync(folder.path, 0o755);
  });

  test(`${name} is opened by every command that reads, and stays unchanged`, async () => {
    using folder = temporaryFolder();
    await make(folder.file("app.db"));
    const url = `sqlite:///${folder.file("app.db")}`;
    const before = snapshotOf(folder.path);
    const credentials = await openCredentials(url, "read");
    equal((await credentials.audit.newest({ limit: 10 })).length, 1);
    await credentials.close();
    const end = await openCopyEndpoint(url, "read");
    equal(await end.count(), 0);
    await end.close();
    const preview = await openRetentionPreview(url);
    equal(await preview.total(), 0);
    await preview.close();
    deepEqual(snapshotOf(folder.path), before);
  });
}

for (const [name, [make, said]] of Object.entries(NOT_OURS)) {
  test(`${name} is refused in every mode, and stays unchanged`, async () => {
    using folder = temporaryFolder();
    await make(folder.file("app.db"));
    const url = `sqlite:///${folder.file("app.db")}`;
    const before = snapshotOf(folder.path);
    const openings = [
      () => openCredentials(url, "read"),
      () => openCredentials(url, "write"),
      () => openCopyEndpoint(url, "read"),
      () => openCopyEndpoint(url, "write"),
      () => openRetentionPreview(url),
      () => openStore(url, { mode: "write" }),
      () => openStore(url, { migrate: false }),
    ];
    for (const open of openings) {
      await rejects(open, (error: Error) => {
        match(error.message, open === openings.at(-1) ? /./ : said);
        return error instanceof StoreRefused;
      });
      deepEqual(snapshotOf(folder.path), before, String(open));
    }
  });
}

test("beside a running service everything is visible, even right after its write-ahead log was emptied", async () => {
  using folder = temporaryFolder();
  const path = folder.file("app.db");
  const store = await openStore(`sqlite:///${path}`);
  const messages = (db: DatabaseSync) =>
    Number(db.prepare("SELECT count(*) AS n FROM lyftr_messages").get()?.n);
  for (let stored = 1; stored <= 5; stored++) {
    await store.insertMessages([message(`m${stored}`)]);
    equal(await readUnchanged(path, messages), stored);
    const other = new DatabaseSync(path);
    other.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    other.close();
    equal(await readUnchanged(path, messages), stored);
  }
  await store.close();
});

test("a service that starts, writes and ends during a read makes it start again", async () => {
  using folder = temporaryFolder();
  const path = folder.file("app.db");
  const url = `sqlite:///${path}`;
  await (await openStore(url)).close();
  let reads = 0;
  const messages = await readUnchanged(path, async (db) => {
    const found = Number(db.prepare("SELECT count(*) AS n FROM lyftr_messages").get()?.n);
    if (reads++ === 0) {
      const store = await openStore(url);
      await store.insertMessages([message("m1")]);
      await store.close();
    }
    return found;
  });
  deepEqual([messages, reads], [1, 2]);
});

test("a write-ahead log without its shared memory is read, and nothing is changed", async () => {
  using folder = temporaryFolder();
  const path = folder.file("app.db");
  await OURS["a database whose service was killed"]?.(path);
  rmSync(`${path}-shm`);
  const before = snapshotOf(folder.path);
  equal((await contentsOf(path)).kind, "ours");
  deepEqual(snapshotOf(folder.path), before);
  const store = await openStore(`sqlite:///${path}`);
  equal((await store.credentials.audit.newest({ limit: 10 })).length, 1);
  await store.close();
});

test("a rollback journal that must be rolled back is not ignored either", async () => {
  using folder = temporaryFolder();
  const path = folder.file("app.db");
  await OURS["a backup, which has a rollback journal"]?.(path);
  const db = new DatabaseSync(path);
  db.exec("PRAGMA cache_size = 1; PRAGMA cache_spill = 1; BEGIN; CREATE TABLE big (x)");
  for (let row = 0; row < 200; row++) db.exec("INSERT INTO big VALUES (randomblob(4000))");
  for (const suffix of ["", "-journal"])
    copyFileSync(path + suffix, `${folder.file("copy.db")}${suffix}`);
  db.exec("ROLLBACK");
  db.close();
  const before = snapshotOf(folder.path);
  await rejects(
    contentsOf(folder.file("copy.db")),
    /-journal file beside .*copy\.db .*: start the service once/,
  );
  deepEqual(snapshotOf(folder.path), before);
});

/** Runs `work` as a user who is bound by file modes, unlike root. */
async function asNobody<T>(work: () => Promise<T>): Promise<T> {
  if (process.geteuid?.() !== 0) return work();
  process.seteuid?.("nobody");
  try {
    return await work();
  } finally {
    process.seteuid?.(0);
  }
}

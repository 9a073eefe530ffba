import { equal, notEqual } from "node:assert/strict";
import { test } from "node:test";
import { SqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import { ReaderPool } from "../../src/store/sqlite/threads/reader-pool.ts";
import { temporaryDatabase } from "../support/sqlite-parts.ts";
import { message, query } from "./exercise.ts";

/** A store whose read index has everything, so that it writes no more by itself. */
async function openStore(path: string) {
  const store = await SqliteStore.open(path);
  return { store, [Symbol.asyncDispose]: () => store.close() };
}

/** A version that stays the same, because the index thread has nothing left to do. */
async function settled(store: SqliteStore): Promise<string> {
  for (;;) {
    // First: the last step of the index thread may end while the version is asked for.
    const isIndexed = store.backlogRows() === 0;
    const version = await store.dataVersion();
    if (isIndexed && version !== undefined) return version;
  }
}

test("the version stays while nothing is written, and changes with each write of this process", async () => {
  using file = temporaryDatabase();
  await using opened = await openStore(file.path);
  const { store } = opened;
  for (let id = 0; id < 5; id++) {
    const before = await settled(store);
    equal(await store.dataVersion(), before);
    await store.insertMessages([message(`m${id}`)]);
    notEqual(await store.dataVersion(), before);
  }
  const before = await settled(store);
  await store.stats();
  equal(await store.dataVersion(), before);
});

test("the version changes with a message and with an erasure of another connection", async () => {
  using file = temporaryDatabase();
  await using opened = await openStore(file.path);
  await using other = await openStore(file.path);
  const before = await settled(opened.store);
  await other.store.insertMessages([message("m1")]);
  notEqual(await opened.store.dataVersion(), before);
  const full = await settled(opened.store);
  await other.store.retention.erase({
    position: undefined,
    msisdn: "+1",
    rowsMax: 100,
    tombstonesUntil: "2026-01-01T00:00:00.000Z",
  });
  notEqual(await opened.store.dataVersion(), full);
  equal((await opened.store.findMessages(query())).total, 0);
});

test("versions of different connections are never equal, nor those of one that opened its files again", async () => {
  using file = temporaryDatabase();
  await using opened = await openStore(file.path);
  await opened.store.insertMessages([message("m1")]);
  const versions = new Set<string | undefined>();
  for (let round = 0; round < 3; round++) {
    await using scope = new AsyncDisposableStack();
    const pool = new ReaderPool(file.path, { threads: 2, queueMax: 8 });
    scope.defer(() => pool.close());
    await pool.call("ping");
    for (let time = 0; time < 2; time++) {
      versions.add(await pool.callIfFree<string>("dataVersion"));
      await pool.reopen();
    }
  }
  equal(versions.has(undefined), false);
  equal(versions.size, 6);
});

const HOLDING = "../../../../test/support/dying-reader";

test("a call that is made only if the first thread is free waits for no read", async () => {
  using file = temporaryDatabase();
  await using scope = new AsyncDisposableStack();
  const pool = new ReaderPool(file.path, { threads: 2, queueMax: 8, name: HOLDING });
  scope.defer(() => pool.close());
  equal(await pool.call("answer"), "answer");
  const read = pool.call("hold", 300);
  equal(await pool.callIfFree("answer"), undefined);
  // The second thread is released last, and the first one is still the next to read.
  await Promise.all([read, pool.call("hold", 600)]);
  equal(await pool.callIfFree("answer"), "answer");
  equal(await pool.callIfFree("exit"), undefined);
});

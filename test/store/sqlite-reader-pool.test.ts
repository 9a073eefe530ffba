import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import {
  Overloaded,
  QueryTooExpensive,
  ReadCancelled,
  StoreUnavailable,
} from "../../src/domain/errors.ts";
import { BLOCK_ROWS_MAX } from "../../src/store/sqlite/index/blocks.ts";
import { indexMessages } from "../../src/store/sqlite/index/index-messages.ts";
import { find } from "../../src/store/sqlite/reads/find.ts";
import { PLAN_BOUNDS } from "../../src/store/sqlite/reads/plan.ts";
import { ReaderPool } from "../../src/store/sqlite/threads/reader-pool.ts";
import type { MessagePage, ReadThreadEnd } from "../../src/store/store.ts";
import { SqliteParts, temporaryDatabase } from "../support/sqlite-parts.ts";
import { message, query } from "./exercise.ts";

/** The ids of this process's worker threads, as the kernel lists them. */
function workerThreads(): readonly string[] {
  const isWorker = (task: string) =>
    readFileSync(`/proc/self/task/${task}/comm`, "utf8").startsWith("WorkerThread");
  return readdirSync("/proc/self/task").filter(isWorker);
}

/**
 * Three blocks of messages whose letters are so different that a search for one scans the texts.
 */
function fill(path: string, count = 3 * BLOCK_ROWS_MAX): void {
  using parts = new SqliteParts(path);
  parts.insert(
    Array.from({ length: count }, (_, n) =>
      message(`m${n}`, { to: `+${n % 2}`, text: `a${String.fromCodePoint(0x4e00 + (n % 5_000))}` }),
    ),
  );
  indexMessages(parts.index, count);
}

const WALK = query({ q: "a" });

test("a long read whose caller leaves is stopped, and its thread is free for others", async () => {
  using file = temporaryDatabase();
  fill(file.path);
  const pool = new ReaderPool(file.path, { threads: 1, queueMax: 8 });
  const gone = new AbortController();
  const read = pool.call("find", WALK, { heavy: true, signal: gone.signal });
  gone.abort();
  await rejects(read, ReadCancelled);
  equal((await pool.call<MessagePage>("find", WALK, { heavy: true })).total, 3 * BLOCK_ROWS_MAX);
  await pool.close();
});

test("a waiting read leaves the queue when its caller leaves, or had left before", async () => {
  using file = temporaryDatabase();
  fill(file.path);
  const pool = new ReaderPool(file.path, { threads: 1, queueMax: 8 });
  const first = pool.call("find", WALK, { heavy: true });
  const gone = new AbortController();
  const waiting = pool.call("find", WALK, { heavy: true, signal: gone.signal });
  equal(pool.queued(), 1);
  gone.abort();
  equal(pool.queued(), 0);
  await rejects(waiting, ReadCancelled);
  await rejects(pool.call("find", WALK, { signal: AbortSignal.abort() }), ReadCancelled);
  await first;
  await pool.close();
});

test("a read that takes too long is stopped and its caller gets advice to narrow it", async () => {
  using file = temporaryDatabase();
  fill(file.path);
  const pool = new ReaderPool(file.path, { threads: 1, queueMax: 8, heavyMsMax: 0 });
  await rejects(pool.call("find", WALK, { heavy: true }), (error: Error) => {
    match(error.message, /Narrow it/);
    return error instanceof QueryTooExpensive;
  });
  await pool.close();
});

test("however many long reads wait, quick ones get through, and beyond the limit long ones are refused", async () => {
  using file = temporaryDatabase();
  fill(file.path);
  const pool = new ReaderPool(file.path, { threads: 2, queueMax: 8 });
  let heavyDone = 0;
  const heavy = Array.from({ length: 65 }, () =>
    pool.call("find", WALK, { heavy: true }).finally(() => void heavyDone++),
  );
  await rejects(pool.call("find", WALK, { heavy: true }), Overloaded);
  equal((await pool.call<MessagePage>("find", query())).total, 3 * BLOCK_ROWS_MAX);
  ok(heavyDone < heavy.length, "the quick read waited for all the long ones");
  const closed = Promise.allSettled(heavy);
  await pool.close();
  await closed;
});

test("a read that would have to scan too many messages is refused at once, with advice to narrow it", () => {
  using file = temporaryDatabase();
  fill(file.path, 5_000);
  using parts = new SqliteParts(file.path);
  const bounds = { ...PLAN_BOUNDS, scannedTextsMax: 4_000, scannedRowsMax: 4_000, fewRows: 10 };
  const ask = (parameters: Readonly<Record<string, string>>) =>
    parts.read((snapshot) => find(snapshot, query(parameters), bounds));
  const refusal = (advice: RegExp) => (error: Error) =>
    advice.test(error.message) && error instanceof QueryTooExpensive;
  let refused = 0;
  for (const [parameters, advice] of [
    [{ q: "a" }, /longer, or narrow it by from, since or until/],
    [{ from: "+1", to: "+1" }, /^These filters .* 5000 .*narrow it/],
  ] as const) {
    try {
      ask(parameters);
    } catch (error) {
      ok(refusal(advice)(error as Error), String(error));
      refused++;
    }
  }
  equal(refused, 2);
  equal(ask({ q: "a", count: "none" }).messages.length, 50);
  equal(ask({ q: "a", from: "+2" }).total, 0);
  equal(ask({ to: "+1" }).total, 2_500);
});

test("the second reading thread starts when two reads are under way at once", async () => {
  using file = temporaryDatabase();
  fill(file.path);
  const earlier = workerThreads();
  const started = () => workerThreads().filter((id) => !earlier.includes(id)).length;
  await using scope = new AsyncDisposableStack();
  const pool = new ReaderPool(file.path, { threads: 2, queueMax: 8 });
  scope.defer(() => pool.close());
  equal(started(), 0);
  for (let read = 0; read < 3; read++) await pool.call("ping");
  equal(started(), 1);
  await Promise.all([pool.call("ping"), pool.call("ping")]);
  equal(started(), 2);
});

const DYING = "../../../../test/support/dying-reader";

for (const [how, operation] of [
  ["runs out of memory", "fill"],
  ["exits", "exit"],
] as const) {
  test(`a reading thread that ${how} fails its read, is reported, and is replaced`, async () => {
    using file = temporaryDatabase();
    const ends: ReadThreadEnd[] = [];
    const threadEnded = (end: ReadThreadEnd) => void ends.push(end);
    // On a busy machine memory takes long to fill.
    const options = { threads: 2, queueMax: 8, heavyMsMax: 60_000, name: DYING, threadEnded };
    const pool = new ReaderPool(file.path, options);
    let isBroken = false;
    pool.broken.then(() => {
      isBroken = true;
    });
    await rejects(
      pool.call(operation, undefined, { heavy: true }),
      (error: Error) => error instanceof StoreUnavailable,
    );
    equal(await pool.call("answer"), "answer");
    equal(await pool.call("answer", undefined, { heavy: true }), "answer");
    await rejects(pool.call(operation), StoreUnavailable);
    // One of these is answered by the restarted thread.
    deepEqual(await Promise.all([pool.call("answer"), pool.call("answer")]), ["answer", "answer"]);
    deepEqual(
      [ends.map(({ again }) => again), pool.restarts(), isBroken],
      [[false, true], 2, false],
    );
    await pool.close();
  });
}

test("a long read that does not stop in time abandons its thread, and the next one does not wait for it", async () => {
  using file = temporaryDatabase();
  const pool = new ReaderPool(file.path, { threads: 2, queueMax: 8, heavyMsMax: 100, name: DYING });
  const fromMs = performance.now();
  const slow = pool.call("hold", 6_000, { heavy: true });
  const next = pool.call("answer", undefined, { heavy: true });
  await rejects(slow, QueryTooExpensive);
  equal(await next, "answer");
  ok(performance.now() - fromMs < 5_000, "it waited for the one that did not stop");
  equal(pool.restarts(), 1);
  await pool.close();
  ok(performance.now() - fromMs < 6_000, "closing waited for the statement");
});

test("a read that waits too long for its turn is refused, and leaves the queue", async () => {
  using file = temporaryDatabase();
  const pool = new ReaderPool(file.path, { threads: 1, queueMax: 8, waitMsMax: 100, name: DYING });
  const first = pool.call("hold", 500);
  await rejects(
    pool.call("answer"),
    (error: Error) => error instanceof Overloaded && /too long/.test(error.message),
  );
  equal(pool.queued(), 0);
  await first;
  equal(await pool.call("answer"), "answer");
  await pool.close();
});

import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { test } from "node:test";
import { StoreUnavailable } from "../../src/domain/errors.ts";
import { Database } from "../../src/store/postgres/database.ts";
import { divideBlocks } from "../../src/store/postgres/index/blocks.ts";
import { backlogOf, indexMessages } from "../../src/store/postgres/index/index-messages.ts";
import { recount } from "../../src/store/postgres/index/recount.ts";
import { watermarks } from "../../src/store/postgres/index/streams.ts";
import { verifyCounts } from "../../src/store/postgres/index/verify.ts";
import { DelayedVisibility } from "../../src/store/postgres/index/visibility-delay.ts";
import { migrate } from "../../src/store/postgres/migrations.ts";
import { StreamBudget } from "../../src/store/postgres/stream-budget.ts";
import { Writer } from "../../src/store/postgres/writer.ts";
import { type FreshOptions, freshDatabase, unlessPostgres } from "../support/postgres.ts";
import { message } from "./exercise.ts";

const skip = unlessPostgres();
const VERIFY = { progress: () => undefined, signal: new AbortController().signal };

/** A database for each test, with its schema, and a writer. */
async function opened(
  options: FreshOptions = {},
): Promise<AsyncDisposable & { url: string; database: Database; writer: Writer }> {
  const fresh = await freshDatabase(options);
  const database = new Database(fresh.url, { connectionsMax: 4 });
  await migrate(database);
  return {
    url: fresh.url,
    database,
    writer: new Writer(database, { random: Math.random }),
    [Symbol.asyncDispose]: async () => {
      await database.close();
      await fresh.drop();
    },
  };
}

function rows(count: number, prefix = "m") {
  return Array.from({ length: count }, (_, at) =>
    message(`${prefix}${at}`, {
      from: `+${at % 4}`,
      to: `+${at % 2}`,
      ts: `2025-01-15T10:${String(at % 60).padStart(2, "0")}:00Z`,
    }),
  );
}

const backlog = (database: Database) =>
  database.transaction(async (tx) => backlogOf(tx, await watermarks(tx)));
const streams = (database: Database) => database.all("SELECT stream, closed FROM streams");

test("indexing continues where the previous version named its watermark and lease differently", {
  skip,
}, async () => {
  await using opening = await opened();
  const { url, database, writer } = opening;
  await writer.insert(rows(50));
  await indexMessages(database, "a", { blockRowsMax: 4 });
  await writer.insert(rows(7, "tail"));
  for (const statement of [
    "ALTER TABLE streams RENAME COLUMN indexed_seq TO folded_seq",
    "UPDATE leases SET name = 'fold' WHERE name = 'index'",
    "DELETE FROM lyftr_migrations WHERE version >= 7",
  ]) {
    await database.all(statement);
  }
  deepEqual(await migrate(database), ["0007_index_names.sql"]);
  deepEqual(await verifyCounts(url, VERIFY), { messages: 50, backlog: 7, differences: [] });
  // The lease of "a" is still valid, and "a" continues.
  equal((await indexMessages(database, "b", { blockRowsMax: 4 })).advanced, false);
  equal((await indexMessages(database, "a", { blockRowsMax: 4 })).advanced, true);
  deepEqual(await verifyCounts(url, VERIFY), { messages: 57, backlog: 0, differences: [] });
});

test("every kind of damage to the counts is found, and a recount repairs it", {
  skip,
}, async () => {
  await using opening = await opened();
  const { url, database, writer } = opening;
  await writer.insert(rows(50));
  await indexMessages(database, "a", { blockRowsMax: 4 });
  await writer.insert(rows(7, "tail"));
  deepEqual(await verifyCounts(url, VERIFY), { messages: 50, backlog: 7, differences: [] });
  const damages: [string, RegExp][] = [
    ...["all", "from", "to", "source", "minute", "hour", "day"].map((kind): [string, RegExp] => [
      `UPDATE totals SET messages = messages + 1 WHERE kind = '${kind}'`,
      new RegExp(`kind "${kind}"`),
    ]),
    ["DELETE FROM totals WHERE kind = 'from' AND name = '+1'", /kind "from"/],
    ["INSERT INTO totals VALUES ('to', '+99', 1)", /kind "to"/],
    [
      "UPDATE totals SET messages = messages + 1 WHERE kind = 'senders'",
      /number of senders is 5, and 4/,
    ],
    [
      "UPDATE blocks SET messages = messages + 1 WHERE kind = 'all' AND instant > ''",
      /a block of all messages/,
    ],
    [
      "UPDATE blocks SET messages = messages + 1 WHERE kind = 'from' AND name = '+1'",
      /a block of one sender/,
    ],
    [
      "UPDATE blocks SET messages = messages + 1 WHERE kind = 'to' AND name = '+1'",
      /a block of one receiver/,
    ],
    ["UPDATE streams SET indexed_seq = indexed_seq - 1", /kind "all"/],
    ["DELETE FROM messages WHERE message_id = 'm3'", /kind "all"/],
  ];
  for (const [damage, said] of damages) {
    await database.all(damage);
    const { differences } = await verifyCounts(url, VERIFY);
    ok(
      differences.some((line) => said.test(line)),
      `${damage}: ${differences}`,
    );
    await recount(url);
    while (
      await indexMessages(database, "a", { blockRowsMax: 4 }).then(({ advanced }) => advanced)
    );
    deepEqual((await verifyCounts(url, VERIFY)).differences, [], damage);
  }
});

test("one process counts for all: the lease is held until it expires or is released", {
  skip,
}, async () => {
  await using opening = await opened();
  const { database, writer } = opening;
  await writer.insert(rows(5));
  equal((await indexMessages(database, "a")).advanced, true);
  await writer.insert(rows(5, "n"));
  deepEqual(await indexMessages(database, "b"), { advanced: false, backlog: undefined });
  await database.all("UPDATE leases SET expires_at = now() - interval '1 second'");
  deepEqual(await indexMessages(database, "b"), { advanced: true, backlog: 0 });
  equal((await indexMessages(database, "a")).backlog, undefined);
});

test("two processes that count at the same time count everything once", { skip }, async () => {
  await using opening = await opened();
  const { url, database, writer } = opening;
  await writer.insert(rows(400));
  await database.all("UPDATE leases SET expires_at = 'infinity', holder = 'same'");
  // The lease would separate them. Without it, the lock of its row does.
  await Promise.all(
    Array.from({ length: 6 }, () =>
      indexMessages(database, "same", { seqsMax: 100, blockRowsMax: 16 }),
    ),
  );
  deepEqual(await verifyCounts(url, VERIFY), { messages: 400, backlog: 0, differences: [] });
});

test("blocks are exact when another process opens its stream while they are divided", {
  skip,
}, async () => {
  await using opening = await opened();
  const { url, database, writer } = opening;
  await writer.insert(rows(50));
  await indexMessages(database, "a", { blockRowsMax: 100 });
  const before = await database.transaction(watermarks);
  await new Writer(database, { random: Math.random }).insert(rows(50, "later"));
  await database.transaction((tx) => divideBlocks(tx, before, 4));
  deepEqual(await verifyCounts(url, VERIFY), { messages: 50, backlog: 50, differences: [] });
  await indexMessages(database, "a", { blockRowsMax: 4 });
  deepEqual(await verifyCounts(url, VERIFY), { messages: 100, backlog: 0, differences: [] });
  ok((await database.all("SELECT 1 FROM blocks")).length > 20, "the blocks were not divided");
});

test("a long run of duplicates leaves a gap that counting skips", { skip }, async () => {
  await using opening = await opened();
  const { url, database, writer } = opening;
  await writer.insert(rows(10));
  await indexMessages(database, "a");
  for (let again = 0; again < 3; again++) await writer.insert(rows(10));
  await writer.insert(rows(3, "new"));
  while (await indexMessages(database, "a", { seqsMax: 5 }).then(({ advanced }) => advanced));
  deepEqual(await verifyCounts(url, VERIFY), { messages: 13, backlog: 0, differences: [] });
});

test("a stream is removed when it is closed and counted, not before", { skip }, async () => {
  await using opening = await opened();
  const { url, database, writer } = opening;
  await writer.insert(rows(10));
  await writer.close();
  deepEqual(
    (await streams(database)).map(({ closed }) => closed),
    [true],
  );
  await indexMessages(database, "a");
  await indexMessages(database, "a");
  deepEqual(await streams(database), []);
  deepEqual(await verifyCounts(url, VERIFY), { messages: 10, backlog: 0, differences: [] });
  // A recount finds it again.
  await recount(url);
  equal(await backlog(database), 10);
});

test("a writer whose stream was removed stores nothing in it, says so, and continues in another", {
  skip,
}, async () => {
  await using opening = await opened();
  const { url, database, writer } = opening;
  await writer.insert(rows(2));
  await indexMessages(database, "a");
  await database.all("DELETE FROM streams");
  await writer.insert(rows(3, "lost")).then(
    () => ok(false, "it was stored in a stream that is never counted"),
    (error: Error) => match(error.message, /neither new nor stored/),
  );
  deepEqual(await writer.insert(rows(3, "lost")), ["created", "created", "created"]);
  await indexMessages(database, "a");
  deepEqual(await verifyCounts(url, VERIFY), { messages: 5, backlog: 0, differences: [] });
});

test("on an engine that shows a batch in part, only messages seen some time ago are counted", () => {
  let nowMs = 0;
  const settling = new DelayedVisibility(() => nowMs);
  equal(settling.visibleSeq(1, 100), 0);
  nowMs = 9_999;
  equal(settling.visibleSeq(1, 200), 0);
  nowMs = 10_000;
  equal(settling.visibleSeq(1, 300), 100);
  nowMs = 15_000;
  equal(settling.visibleSeq(1, 400), 100);
  equal(settling.visibleSeq(2, 50), 0);
  nowMs = 20_000;
  equal(settling.visibleSeq(1, 500), 300);
});

test("a batch that the server refused keeps its stream; one with an unknown outcome ends it", {
  skip,
}, async () => {
  // The wait of a statement is visible on the node that runs it, so there is only one here.
  await using opening = await opened({ kind: "postgres" });
  const { url, database, writer } = opening;
  await writer.insert(rows(2));
  await rejects(writer.insert([message("nul\0")]));
  await writer.insert(rows(2, "more"));
  equal((await streams(database)).length, 1);
  await database.all(
    "ALTER TABLE messages ADD CONSTRAINT slow CHECK (pg_sleep(0.5) IS NOT NULL) NOT VALID",
  );
  const broken = writer.insert(rows(1, "broken"));
  while (
    (
      await database.all(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'",
      )
    ).length === 0
  );
  await rejects(broken, StoreUnavailable);
  await database.all("ALTER TABLE messages DROP CONSTRAINT slow");
  deepEqual(await writer.insert(rows(1, "broken")), ["created"]);
  equal((await streams(database)).length, 2);
  await indexMessages(database, "a");
  deepEqual(await verifyCounts(url, VERIFY), { messages: 5, backlog: 0, differences: [] });
});

test("a process opens a bounded number of streams, and failed attempts do not count", () => {
  let nowMs = 0;
  const budget = new StreamBudget(() => nowMs);
  const open = (wanted: number) => {
    let opened = 0;
    for (; opened < wanted && budget.allows(); opened++) budget.opened();
    return opened;
  };
  for (let failed = 0; failed < 1_000; failed++) equal(budget.allows(), true);
  equal(open(200), 100);
  nowMs = 29_999;
  equal(open(1), 0);
  nowMs = 60_000;
  equal(open(3), 2);
  nowMs = 1e9;
  equal(open(200), 100);
});

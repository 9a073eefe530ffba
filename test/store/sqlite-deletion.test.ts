import { deepEqual, equal, ok } from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { array, assert, asyncProperty, constantFrom, nat, oneof, option, record } from "fast-check";
import type { NewMessage } from "../../src/domain/message.ts";
import { Deleter } from "../../src/store/sqlite/deletion/deleter.ts";
import { dropTombstones, reclaimSpace, scrub } from "../../src/store/sqlite/deletion/space.ts";
import { readIndexPath, rebuild } from "../../src/store/sqlite/index/connection.ts";
import { indexMessages } from "../../src/store/sqlite/index/index-messages.ts";
import { verifyReadIndex } from "../../src/store/sqlite/index/verify.ts";
import { find } from "../../src/store/sqlite/reads/find.ts";
import { PLAN_BOUNDS } from "../../src/store/sqlite/reads/plan.ts";
import { findSenders } from "../../src/store/sqlite/reads/senders.ts";
import { stats } from "../../src/store/sqlite/reads/stats.ts";
import { TailRows } from "../../src/store/sqlite/reads/tail-rows.ts";
import { timeline } from "../../src/store/sqlite/reads/timeline.ts";
import { SqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import { PlainMessages } from "../support/plain-messages.ts";
import { propertyRuns } from "../support/property-runs.ts";
import { batches, expectSame, queries, type Reads } from "../support/reads-against-plain.ts";
import { SqliteParts, temporaryDatabase } from "../support/sqlite-parts.ts";
import { message, query } from "./exercise.ts";
import { inSteps } from "./exercise-retention.ts";

const RUNS = propertyRuns(15);
const UNTIL = "2026-01-01T00:00:00.000Z";
const VERIFY = { progress: () => undefined, signal: new AbortController().signal };

const differences = async (path: string) => (await verifyReadIndex(path, VERIFY)).differences;
const received = (second: number) =>
  new Date(Date.UTC(2025, 0, 15, 10) + second * 1_000).toISOString();
const deleterOn = (parts: SqliteParts) => new Deleter(parts.index);

const number = constantFrom("+1", "+22", "+333", "+9", "+8", "+777");
const deletions = array(
  record({
    what: oneof(record({ expire: nat(50) }), record({ erase: number })),
    rowsMax: nat(20).map((n) => n + 1),
    indexRowsMax: option(nat(50).map((n) => n + 1)),
  }),
  { maxLength: 3 },
);

for (const [way, blockRowsMax, bounds] of [
  ["small blocks and the search index", 4, { ...PLAN_BOUNDS, fewRows: 0 }],
  ["large blocks and no search index", 16_384, PLAN_BOUNDS],
] as const) {
  test(`SQLite: whatever is stored, indexed and deleted, answers equal a plain scan of the rest, with ${way}`, async () => {
    const steps = array(record({ batch: batches, deletions }), { minLength: 1, maxLength: 3 });
    const asks = array(queries, { minLength: 3, maxLength: 8, size: "max" });
    await assert(
      asyncProperty(steps, asks, async (rounds, asked) => {
        using file = temporaryDatabase();
        using parts = new SqliteParts(file.path);
        const reads: Reads = {
          findMessages: async (asked) => parts.read((snapshot) => find(snapshot, asked, bounds)),
          stats: async () => parts.read(stats),
          findSenders: async (asked) => parts.read((snapshot) => findSenders(snapshot, asked)),
          timeline: async (asked) => parts.read((snapshot) => timeline(snapshot, asked)),
        };
        const plain = new PlainMessages();
        const dead = new Set<string>();
        const keyOf = ({ source, messageId }: NewMessage) => `${source}/${messageId}`;
        for (const { batch, deletions: deleting } of rounds) {
          for (const { rows, indexSteps } of batch) {
            const stored = rows.map((row, at) => ({ ...row, createdAt: received((at * 7) % 50) }));
            const outcomes = parts.insert(stored);
            deepEqual(
              outcomes,
              stored.map((row) => (dead.has(keyOf(row)) ? "duplicate" : plain.add([row])[0])),
            );
            for (const rowsMax of indexSteps) indexMessages(parts.index, rowsMax, blockRowsMax);
          }
          for (const { what, rowsMax, indexRowsMax } of deleting) {
            const before = "expire" in what ? received(what.expire) : "";
            const goes = (row: NewMessage) =>
              "expire" in what
                ? row.createdAt < before
                : [row.from, row.to].some((one) => one === what.erase);
            const gone = plain.rows.filter(goes);
            const deleter = new Deleter(parts.index, blockRowsMax);
            const step = (position: string | undefined, dryRun: boolean) => {
              const how = { position, rowsMax, dryRun, tombstonesUntil: UNTIL };
              return "expire" in what
                ? deleter.expire({ ...how, receivedBefore: before, everywhere: true })
                : deleter.erase({ ...how, msisdn: what.erase });
            };
            equal(await inSteps(async (position) => step(position, true)), gone.length);
            equal(await inSteps(async (position) => step(position, false)), gone.length);
            for (const row of gone) dead.add(keyOf(row));
            plain.rows.splice(0, plain.rows.length, ...plain.rows.filter((row) => !goes(row)));
            if (indexRowsMax !== null) indexMessages(parts.index, indexRowsMax, blockRowsMax);
            deepEqual(await differences(file.path), []);
          }
          await expectSame(reads, plain, asked);
        }
      }),
      { numRuns: RUNS },
    );
  });
}

const rows = (
  count: number,
  prefix = "m",
  fields: (at: number) => Readonly<Record<string, string>> = () => ({}),
) =>
  Array.from({ length: count }, (_, at) =>
    message(`${prefix}${at}`, {
      from: `+${at % 7}`,
      to: `+1${at % 3}`,
      createdAt: received(at),
      ...fields(at),
    }),
  );

test("what a connection keeps of the tail follows deletions and an index that is rebuilt", () => {
  using file = temporaryDatabase();
  using parts = new SqliteParts(file.path);
  const listed = () =>
    parts
      .read((snapshot) => find(snapshot, query({ limit: "10" })))
      .messages.map(({ messageId }) => messageId);
  const erased = { position: undefined, rowsMax: 10, dryRun: false, tombstonesUntil: UNTIL };

  parts.insert(rows(3));
  deepEqual(listed(), ["m0", "m1", "m2"]);
  deleterOn(parts).erase({ ...erased, msisdn: "+1" });
  deepEqual(listed(), ["m0", "m2"]);
  parts.insert(rows(2, "n"));
  deepEqual(listed(), ["m0", "m2", "n0", "n1"]);
  parts.insert(rows(1, "o"));
  indexMessages(parts.index, 2, 4);
  deepEqual(listed(), ["m0", "m2", "n0", "n1", "o0"]);
  deleterOn(parts).erase({ ...erased, msisdn: "+1" });
  deepEqual(listed(), ["m0", "m2", "n0", "o0"]);
  indexMessages(parts.index, 10, 4);
  deepEqual(listed(), ["m0", "m2", "n0", "o0"]);
  parts.insert(rows(1, "p"));
  deepEqual(listed(), ["m0", "m2", "n0", "o0", "p0"]);
  rebuild(parts.index.db);
  deepEqual(listed(), ["m0", "m2", "n0", "o0", "p0"]);
});

test("rows of a tail that was too large to be kept are read again when the rest is small enough", () => {
  using file = temporaryDatabase();
  const [row] = rows(1);
  const characters = [row?.messageId, row?.from, row?.to, row?.text].join("").length;
  using parts = new SqliteParts(file.path, new TailRows(2 * characters));
  const total = () => parts.read((snapshot) => find(snapshot, query())).total;
  parts.insert(rows(2));
  equal(total(), 2);
  parts.insert(rows(1, "n"));
  equal(total(), 3);
  indexMessages(parts.index, 1, 4);
  equal(total(), 3);
});

test("numbers of deleted messages are not reused, so that new ones are indexed and copied like all others", async () => {
  using file = temporaryDatabase();
  const store = await SqliteStore.open(file.path);
  try {
    await store.insertMessages(rows(50));
    const everything = {
      receivedBefore: received(1_000),
      everywhere: true,
      rowsMax: 1_000,
      tombstonesUntil: UNTIL,
    };
    equal(
      await inSteps(async (position) => store.retention.expire({ ...everything, position })),
      50,
    );
    equal((await store.stats()).total, 0);
    await store.insertMessages(rows(3, "new"));
    const db = new DatabaseSync(file.path, { readOnly: true });
    const seqs = db.prepare("SELECT seq FROM lyftr_messages ORDER BY seq").all();
    db.close();
    deepEqual(
      seqs.map(({ seq }) => seq),
      [51, 52, 53],
    );
    equal((await store.findMessages(query({ q: "hello" }))).total, 3);
  } finally {
    await store.close();
  }
  deepEqual(await differences(file.path), []);
});

test("a process that ends between the two commits of a deletion leaves an index that is rebuilt, by a running service as by a starting one", async () => {
  using file = temporaryDatabase();
  const store = await SqliteStore.open(file.path);
  try {
    await store.insertMessages(rows(3_000));
    const deadline = AbortSignal.timeout(10_000);
    while (store.backlogRows() > 0) {
      deadline.throwIfAborted();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    // What is on disk when the messages are committed and the index is not.
    const db = new DatabaseSync(file.path);
    db.exec(
      "DELETE FROM lyftr_messages WHERE seq <= 1000; UPDATE deletions SET generation = generation + 1",
    );
    db.close();
    const [{ total }, page] = await Promise.all([
      store.stats(),
      store.findMessages(query({ q: "hello" })),
    ]);
    deepEqual([total, page.total], [2_000, 2_000]);
    const again = new DatabaseSync(file.path);
    again.exec(
      "DELETE FROM lyftr_messages WHERE seq <= 1500; UPDATE deletions SET generation = generation + 1",
    );
    again.close();
  } finally {
    await store.close();
  }
  const reopened = await SqliteStore.open(file.path);
  try {
    equal((await reopened.stats()).total, 1_500);
    equal((await reopened.findMessages(query({ q: "hello" }))).total, 1_500);
  } finally {
    await reopened.close();
  }
});

/** Every byte of every file of a database. */
function bytesOf(path: string): Buffer {
  const folder = dirname(path);
  return Buffer.concat(readdirSync(folder).map((name) => readFileSync(join(folder, name))));
}

const PERSON = "+919123456789";
/** The search index stores three letters unchanged if none before them in its order begin alike. */
const LETTERS = "ǂǃǂ";
const WORDS = `xylophonequartz zephyrvexing ${LETTERS}`;

test("after an erasure no byte of the files contains the number or the words, while the service runs and after it", async () => {
  using file = temporaryDatabase();
  const store = await SqliteStore.open(file.path);
  try {
    for (let batch = 0; batch < 20; batch++) {
      const theirs = { from: PERSON, text: `${WORDS} ${batch}` };
      const toThem = { to: PERSON, text: `dear ${WORDS}` };
      await store.insertMessages(
        rows(400, `b${batch}-`, (at) =>
          at % 50 === 7 ? theirs : at % 50 === 9 ? toThem : { text: `plain ${at}` },
        ),
      );
    }
    const deadline = AbortSignal.timeout(10_000);
    while (store.backlogRows() > 0) {
      deadline.throwIfAborted();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    ok(bytesOf(file.path).includes(PERSON));
    ok(bytesOf(file.path).includes("xylophonequartz"));
    const step = { msisdn: PERSON, rowsMax: 1_000, tombstonesUntil: UNTIL };
    equal(await inSteps(async (position) => store.retention.erase({ ...step, position })), 20 * 16);
    await store.retention.scrub();
    const left = bytesOf(file.path);
    for (const word of [PERSON, PERSON.slice(1), "xylophonequartz", "zephyrvexing"]) {
      equal(left.includes(word), false, `${word} is still there`);
    }
    equal((await store.findMessages(query({ q: "xyl" }))).total, 0);
    equal((await store.stats()).total, 20 * 384);
  } finally {
    await store.close();
  }
  equal(bytesOf(file.path).includes(PERSON.slice(1)), false);
  deepEqual(await differences(file.path), []);
  // Three letters that only this person wrote are in no list of the search index, which stores them
  // as in the text.
  const db = new DatabaseSync(readIndexPath(file.path), { readOnly: true });
  const terms = db
    .prepare(
      "SELECT count(*) AS terms FROM search_terms WHERE term IN ('xyl', 'ylo', 'zep', 'vex')",
    )
    .get();
  const blocks = db.prepare("SELECT block FROM search_data").all();
  db.close();
  equal(terms?.terms, 0);
  equal(
    Buffer.concat(blocks.map(({ block }) => Buffer.from(block as Uint8Array))).includes(LETTERS),
    false,
  );
});

test("space is returned in steps, and a file without deletions keeps its own", async () => {
  using file = temporaryDatabase();
  using parts = new SqliteParts(file.path);
  parts.insert(rows(20_000, "m", () => ({ text: "x".repeat(200) })));
  while (indexMessages(parts.index, 20_000).backlog > 0);
  equal(reclaimSpace(parts.index), 0);
  const before = parts.index.number("PRAGMA main.page_count");
  const deleter = deleterOn(parts);
  const step = {
    receivedBefore: received(15_000),
    everywhere: true,
    rowsMax: 500,
    tombstonesUntil: UNTIL,
  };
  equal(await inSteps(async (position) => deleter.expire({ ...step, position })), 15_000);
  let bytes = 0;
  for (let steps = 0; steps < 1_000; steps++) {
    const given = reclaimSpace(parts.index);
    if (given === 0) break;
    bytes += given;
  }
  ok(bytes > 1_000_000, `${bytes}`);
  ok(parts.index.number("PRAGMA main.page_count") < before / 2);
  deepEqual(scrub(parts.index).length, 3);
  deepEqual(await differences(file.path), []);
});

test("tombstones expire, and old messages after young ones are found by a full scan", async () => {
  using file = temporaryDatabase();
  using parts = new SqliteParts(file.path);
  // An import stored old messages after young ones.
  parts.insert(rows(2_500, "old"));
  parts.insert(rows(2_500, "young", () => ({ createdAt: received(100_000) })));
  parts.insert(rows(10, "imported"));
  const deleter = deleterOn(parts);
  const step = { receivedBefore: received(50_000), rowsMax: 500, tombstonesUntil: UNTIL };
  const run = (everywhere: boolean) =>
    inSteps(async (position) => deleter.expire({ ...step, position, everywhere }));
  equal(await run(true), 2_510);
  parts.insert(rows(10, "again"));
  equal(await run(false), 0);
  equal(await run(true), 10);
  equal(dropTombstones(parts.index, { now: received(0), rowsMax: 1_000 }), 0);
  equal(dropTombstones(parts.index, { now: UNTIL, rowsMax: 1_000 }), 1_000);
});

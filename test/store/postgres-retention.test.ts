import { deepEqual, equal, match, notEqual, ok, rejects } from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { array, assert, asyncProperty, constantFrom, nat, oneof, option, record } from "fast-check";
import { StoreUnavailable } from "../../src/domain/errors.ts";
import { Database } from "../../src/store/postgres/database.ts";
import { PostgresRetention } from "../../src/store/postgres/deletion/postgres-retention.ts";
import { indexMessages } from "../../src/store/postgres/index/index-messages.ts";
import { verifyCounts } from "../../src/store/postgres/index/verify.ts";
import { migrate } from "../../src/store/postgres/migrations.ts";
import { PostgresStore } from "../../src/store/postgres/postgres-store.ts";
import { FIND_BOUNDS, find } from "../../src/store/postgres/reads/find.ts";
import { findSenders } from "../../src/store/postgres/reads/senders.ts";
import { inSnapshot, type Snapshot } from "../../src/store/postgres/reads/snapshot.ts";
import { stats } from "../../src/store/postgres/reads/stats.ts";
import { timeline } from "../../src/store/postgres/reads/timeline.ts";
import { BY_INDEX } from "../../src/store/postgres/sql.ts";
import { Writer } from "../../src/store/postgres/writer.ts";
import type { ExpiryStep, RetentionStore } from "../../src/store/retention.ts";
import { pgbouncerFor } from "../support/pgbouncer.ts";
import { PlainMessages } from "../support/plain-messages.ts";
import { type FreshOptions, freshDatabase, unlessPostgres } from "../support/postgres.ts";
import { propertyRuns } from "../support/property-runs.ts";
import { batches, expectSame, queries, type Reads } from "../support/reads-against-plain.ts";
import { sql } from "../support/sql.ts";
import { unlessTool } from "../support/tools.ts";
import { message } from "./exercise.ts";
import { inSteps } from "./exercise-retention.ts";

const skip = unlessPostgres();
const RUNS = propertyRuns(12);
const VERIFY = { progress: () => undefined, signal: new AbortController().signal };
const STORE = { connectionsMax: 4, migrate: true, allowWeakDurability: false, random: Math.random };
const UNTIL = "2026-01-01T00:00:00.000Z";
const LATER = "2027-01-01T00:00:00.000Z";

interface Opening extends AsyncDisposable {
  readonly url: string;
  readonly database: Database;
  readonly writer: Writer;
  readonly retention: PostgresRetention;
}

async function opened(options: FreshOptions = {}): Promise<Opening> {
  const fresh = await freshDatabase(options);
  const database = new Database(fresh.url, { connectionsMax: 4, settings: BY_INDEX });
  await migrate(database);
  return {
    url: fresh.url,
    database,
    writer: new Writer(database, { random: Math.random }),
    retention: new PostgresRetention(database, fresh.url),
    [Symbol.asyncDispose]: async () => {
      await database.close();
      await fresh.drop();
    },
  };
}

function received(second: number): string {
  return new Date(Date.UTC(2025, 0, 15, 10) + second * 1_000).toISOString();
}

function rows(count: number, prefix = "m", second: (at: number) => number = (at) => at) {
  return Array.from({ length: count }, (_, at) =>
    message(`${prefix}${at}`, {
      from: `+${at % 4}`,
      to: `+${at % 3}`,
      createdAt: received(second(at)),
    }),
  );
}

const isOf = (msisdn: string) => (row: { readonly from: string; readonly to: string }) =>
  row.from === msisdn || row.to === msisdn;

const expire = (
  retention: RetentionStore,
  receivedBefore: string,
  options: Partial<ExpiryStep> = {},
) =>
  inSteps((position) =>
    retention.expire({
      rowsMax: 1_000,
      tombstonesUntil: UNTIL,
      receivedBefore,
      everywhere: true,
      ...options,
      position,
    }),
  );
const erase = (
  retention: RetentionStore,
  msisdn: string,
  { rowsMax = 1_000, dryRun = false } = {},
) =>
  inSteps((position) =>
    retention.erase({ position, rowsMax, dryRun, tombstonesUntil: UNTIL, msisdn }),
  );
const count = async (database: Database, table = "messages") =>
  (await database.all<{ rows: number }>(`SELECT count(*) AS rows FROM ${table}`))[0]?.rows;
const differences = async (url: string) => (await verifyCounts(url, VERIFY)).differences;

const EMPTY = `TRUNCATE messages; TRUNCATE streams; TRUNCATE totals; TRUNCATE blocks; TRUNCATE tombstones;
  INSERT INTO blocks VALUES ('all', '', '', '', '', 0)`;
const number = constantFrom("+1", "+22", "+333", "+9", "+8", "+777");
const deletions = array(
  record({
    what: oneof(record({ expire: nat(50) }), record({ erase: number })),
    rowsMax: nat(20).map((n) => n + 1),
    indexSeqsMax: option(nat(50).map((n) => n + 1)),
  }),
  { maxLength: 3 },
);

for (const blockRowsMax of [4, 4_096]) {
  const title = `PostgreSQL: whatever is stored, counted and deleted, in blocks of ${blockRowsMax}, answers equal a plain scan of what is left`;
  test(title, { skip }, async () => {
    await using opening = await opened();
    const { url, database, retention } = opening;
    const read = <T>(work: (snapshot: Snapshot) => Promise<T>) =>
      inSnapshot(
        database,
        { searchIndex: "all letters", oldFormsIndexed: true, msMax: 5_000, long: true },
        work,
      );
    const reads: Reads = {
      findMessages: (query) =>
        read((snapshot) => find(snapshot, query, { ...FIND_BOUNDS, offsetWalkedMax: 0 })),
      stats: () => read(stats),
      findSenders: (query) => read((snapshot) => findSenders(snapshot, query)),
      timeline: (query) => read((snapshot) => timeline(snapshot, query)),
    };
    const index = (seqsMax: number) => indexMessages(database, "test", { seqsMax, blockRowsMax });
    const step = record({ batch: batches, deletions });
    const steps = array(step, { minLength: 1, maxLength: 3 });
    await assert(
      asyncProperty(
        steps,
        array(queries, { minLength: 3, maxLength: 6, size: "max" }),
        async (rounds, asked) => {
          for (const statement of EMPTY.split(";")) await database.all(statement);
          const plain = new PlainMessages();
          const dead = new Set<string>();
          const writers = [0, 1].map(() => new Writer(database, { random: Math.random }));
          const keyOf = (row: { readonly source: string; readonly messageId: string }) =>
            `${row.source}/${row.messageId}`;
          const forget = (goes: (row: (typeof plain.rows)[number]) => boolean) => {
            const gone = plain.rows.filter(goes);
            for (const row of gone) dead.add(keyOf(row));
            plain.rows.splice(0, plain.rows.length, ...plain.rows.filter((row) => !goes(row)));
            return gone.length;
          };
          for (const { batch, deletions: deleting } of rounds) {
            for (const [at, { rows: given, indexSteps: counted }] of batch.entries()) {
              const stored = given.map((row, n) => ({
                ...row,
                createdAt: received((n * 7) % 50),
                text: row.text?.replaceAll("\0", "") ?? null,
              }));
              const outcomes = (await writers[at % 2]?.insert(stored)) ?? [];
              deepEqual(
                outcomes,
                stored.map((row) => (dead.has(keyOf(row)) ? "duplicate" : plain.add([row])[0])),
              );
              for (const seqsMax of counted) await index(seqsMax);
            }
            for (const { what, rowsMax, indexSeqsMax: counted } of deleting) {
              if ("expire" in what) {
                const before = received(what.expire);
                const expected = plain.rows.filter(({ createdAt }) => createdAt < before).length;
                equal(await expire(retention, before, { rowsMax, dryRun: true }), expected);
                equal(
                  await expire(retention, before, { rowsMax }),
                  forget(({ createdAt }) => createdAt < before),
                );
              } else {
                const goes = isOf(what.erase);
                equal(
                  await erase(retention, what.erase, { rowsMax, dryRun: true }),
                  plain.rows.filter(goes).length,
                );
                equal(await erase(retention, what.erase, { rowsMax }), forget(goes));
              }
              if (counted !== null) await index(counted);
              deepEqual(await differences(url), []);
            }
            await expectSame(reads, plain, asked);
          }
        },
      ),
      { numRuns: RUNS },
    );
  });
}

test("a deleted message is a duplicate, whatever the spelling of its id, until its tombstone is dropped", {
  skip,
}, async () => {
  await using opening = await opened();
  const { database, writer, retention } = opening;
  const ids = ["m", "é", "😀", "\\x00", "a'b", "\u0001", "x".repeat(200)];
  const stored = ids.flatMap((id) => [message(id), message(id, { source: "öther" })]);
  await writer.insert(stored);
  equal(await erase(retention, "+1"), stored.length);
  equal(await count(database, "tombstones"), stored.length);
  const late = new Writer(database, { random: Math.random });
  for (const each of [writer, late]) {
    // Alone and beside new ones. A different content is not a conflict, because the old one is
    // unknown.
    for (const row of stored)
      deepEqual(
        await each.insert([row, message(row.messageId, { text: "new" })]).then(([a]) => a),
        "duplicate",
      );
    const mixed = await each.insert([...stored, message(`new ${each === late}`), ...stored]);
    deepEqual(mixed, [
      ...stored.map(() => "duplicate"),
      "created",
      ...stored.map(() => "duplicate"),
    ]);
  }
  equal(await retention.dropTombstones({ now: received(0), rowsMax: 100 }), 0);
  equal(await retention.dropTombstones({ now: UNTIL, rowsMax: 3 }), 3);
  equal(await retention.dropTombstones({ now: LATER, rowsMax: 100 }), stored.length - 3);
  // The fact that something was deleted stays.
  equal(await count(database, "deletions"), 1);
  deepEqual(await writer.insert([message("m")]), ["created"]);
});

test("young messages stay; old messages after younger ones of their stream are found by a full scan", {
  skip,
}, async () => {
  await using opening = await opened();
  const { database, writer, retention } = opening;
  await writer.insert(rows(3_000));
  equal(await expire(retention, received(1_200), { dryRun: true }), 1_200);
  deepEqual([await count(database), await count(database, "deletions")], [3_000, 0]);
  equal(await expire(retention, received(1_200), { rowsMax: 7 }), 1_200);
  equal(await expire(retention, received(1_200)), 0);
  // Like an import: after 1,800 young ones.
  await writer.insert(rows(10, "imported", () => 5));
  equal(await expire(retention, received(1_201), { everywhere: false }), 1);
  equal(await expire(retention, received(1_201), { dryRun: true }), 10);
  equal(await expire(retention, received(1_201)), 10);
});

test("erasing goes back to the beginning for messages that arrived in between", {
  skip,
}, async () => {
  await using opening = await opened();
  const { database, writer, retention } = opening;
  const step = (position: string | undefined) =>
    retention.erase({ position, rowsMax: 10, tombstonesUntil: UNTIL, msisdn: "+7" });
  await writer.insert([message("m1", { from: "+7" }), message("m2", { to: "+7" })]);
  const first = await step(undefined);
  await writer.insert([message("m0", { from: "+7" })]);
  const second = await step(first.position);
  deepEqual([first.deleted, second.deleted, await count(database)], [1, 1, 1]);
  notEqual(second.position, undefined);
  equal(await inSteps((position) => step(position ?? second.position)), 1);
  equal(await count(database), 0);
});

test("a totals row and a block are removed with their last message, and a sender with theirs", {
  skip,
}, async () => {
  await using opening = await opened();
  const { url, database, writer, retention } = opening;
  await writer.insert(rows(400));
  await indexMessages(database, "a", { blockRowsMax: 8 });
  const ofOne = rows(400).filter(isOf("+1")).length;
  equal(await erase(retention, "+1"), ofOne);
  deepEqual(await database.all("SELECT 1 FROM totals WHERE name = '+1' OR messages = 0"), []);
  deepEqual(
    await database.all(
      "SELECT 1 FROM blocks WHERE name = '+1' OR (messages = 0 AND instant <> '')",
    ),
    [],
  );
  deepEqual(await differences(url), []);
  equal(await expire(retention, received(1_000)), 400 - ofOne);
  deepEqual(await database.all("SELECT kind, messages FROM totals"), [
    { kind: "senders", messages: 0 },
  ]);
  deepEqual(await database.all("SELECT kind, messages FROM blocks"), [
    { kind: "all", messages: 0 },
  ]);
  deepEqual(await verifyCounts(url, VERIFY), { messages: 0, backlog: 0, differences: [] });
  await writer.insert(rows(50, "again"));
  await indexMessages(database, "a", { blockRowsMax: 8 });
  deepEqual(await verifyCounts(url, VERIFY), { messages: 50, backlog: 0, differences: [] });
});

test("after scrubbing, no row and no index entry leads to erased messages, however few there were", {
  skip,
}, async () => {
  await using opening = await opened({ kind: "postgres" });
  const { database, writer, retention } = opening;
  for (let batch = 0; batch < 20; batch++) await writer.insert(rows(500, `${batch}-`));
  await writer.insert([message("m", { from: "+7", to: "+8" })]);
  await database.all("ANALYZE");
  equal(await erase(retention, "+7"), 1);
  match(
    (await retention.scrub()).join(),
    /^Pages .* VACUUM FULL messages.*write-ahead log.*backups/,
  );
  await database.all("CREATE EXTENSION pageinspect");
  // A pointer to a dead row stays (3) as long as any index leads to it.
  deepEqual(
    await database.all(
      `SELECT count(t_data) AS rows, count(*) FILTER (WHERE lp_flags = 3) AS pointers
       FROM generate_series(0, pg_relation_size('messages') / 8192 - 1) AS page,
         heap_page_items(get_raw_page('messages', page::int))`,
    ),
    [{ rows: 10_000, pointers: 0 }],
  );
  deepEqual(
    await database.all("SELECT 1 FROM pg_stats WHERE histogram_bounds::text LIKE '%+7%'"),
    [],
  );
});

test("a service that does not own the tables says that they have to be vacuumed", {
  skip,
}, async () => {
  await using opening = await opened({ kind: "postgres" });
  const { url, database } = opening;
  const role = new URL(url).pathname.slice(1).replace("lyftr", "service");
  await database.all(`CREATE ROLE ${role} LOGIN`);
  try {
    const other = new URL(url);
    other.username = role;
    match(
      (await new PostgresRetention(database, other.href).scrub())[0] ?? "",
      /^The role .* owner run VACUUM \(ANALYZE/,
    );
    await database.all(`ALTER TABLE messages OWNER TO ${role}`);
    await database.all(`ALTER TABLE totals OWNER TO ${role}`);
    await database.all(`ALTER TABLE blocks OWNER TO ${role}`);
    match((await new PostgresRetention(database, other.href).scrub())[0] ?? "", /^Pages /);
  } finally {
    await database.all(`DROP OWNED BY ${role}`);
    await database.all(`DROP ROLE ${role}`);
  }
});

test("only one process sweeps: the lease is held until it expires", { skip }, async () => {
  await using opening = await opened();
  const { database, retention } = opening;
  equal(await retention.holdLease("a", 60), true);
  equal(await retention.holdLease("b", 60), false);
  equal(await retention.holdLease("a", 60), true);
  await database.all("UPDATE leases SET expires_at = now() - interval '1 second'");
  equal(await retention.holdLease("b", 60), true);
});

const IDS = 3_000;
const anyId = () => Math.floor(Math.random() * IDS);
const numbered = (id: number) =>
  message(`m${id}`, {
    from: `+${id % 20}`,
    to: `+${id % 3}`,
    createdAt: received(id),
    ts: `2025-01-${10 + (id % 20)}T10:00:00Z`,
  });

test("while stores write, count and delete, every snapshot counts exactly its messages, and no deleted one comes back", {
  skip,
}, async () => {
  await using fresh = await freshDatabase();
  const stores = await Promise.all([1, 2, 3].map(() => PostgresStore.open(fresh.url, STORE)));
  const database = new Database(fresh.url, { connectionsMax: 1 });
  const created: string[] = [];
  let busy = true;
  const writers = stores.map(async (store) => {
    for (let batch = 0; batch < 40; batch++) {
      const batchRows = Array.from({ length: 80 }, () => numbered(anyId()));
      const outcomes = await store.insertMessages(batchRows);
      ok(!outcomes.includes("conflict"));
      created.push(
        ...batchRows
          .filter((_, at) => outcomes[at] === "created")
          .map(({ messageId }) => messageId),
      );
    }
  });
  const deleters = stores.map(async ({ retention }, which) => {
    let deleted = 0;
    for (let round = 0; round < 12; round++) {
      if (which === 0) deleted += await erase(retention, `+${round + 8}`, { rowsMax: 50 });
      else deleted += await expire(retention, received(round * 150), { rowsMax: 50 });
    }
    return deleted;
  });
  // On Citus there is no snapshot across the nodes.
  const reader = async () => {
    let snapshots = 0;
    for (; busy && process.env.TEST_STORE !== "citus"; snapshots++) {
      const options = {
        searchIndex: "none",
        oldFormsIndexed: true,
        msMax: 30_000,
        long: true,
      } as const;
      const [told, counted] = await inSnapshot(database, options, async (snapshot) => {
        const { total, senders } = await stats(snapshot);
        const counting =
          "SELECT count(*) AS total, count(DISTINCT from_msisdn) AS senders FROM messages";
        return [{ total, senders }, (await snapshot.tx.all(counting))[0]];
      });
      deepEqual(told, counted);
    }
    return snapshots;
  };
  const reading = reader();
  const [deleted] = await Promise.all([Promise.all(deleters), Promise.all(writers)]).finally(
    () => (busy = false),
  );
  ok((await reading) > 5 || process.env.TEST_STORE === "citus");
  equal(new Set(created).size, created.length, "something was created twice");
  const left = created.length - deleted.reduce((sum, one) => sum + one, 0);
  equal((await stores[0]?.stats())?.total, left);
  for (const store of stores) await store.close();
  const verdict = await verifyCounts(fresh.url, VERIFY);
  deepEqual([verdict.messages + verdict.backlog, verdict.differences], [left, []]);
  await database.close();
});

test("a retry that races with the deletion of its message never stores it again, from the very first deletion on", {
  skip,
}, async (t) => {
  await using opening = await opened();
  const { url, database } = opening;
  const seen = { early: 0, late: 0, putOff: 0 };
  for (let round = 0; round < 30; round++) {
    // Like before the first deletion, in every other round.
    if (round % 2 === 0) await database.all("DELETE FROM deletions");
    const writers = [1, 2].map(() => new Writer(database, { random: Math.random }));
    const retention = new PostgresRetention(database, url);
    const batch = rows(60, `${round}-`, () => 0);
    ok((await writers[0]?.insert(batch))?.every((outcome) => outcome === "created"));
    let left = true;
    const retries = writers.map(async (writer) => {
      for (let more = 2; more > 0; more -= left ? 0 : 1) {
        const outcomes = await writer.insert(batch.toSorted(() => Math.random() - 0.5));
        ok(
          outcomes.every((outcome) => outcome === "duplicate"),
          `round ${round}: ${outcomes}`,
        );
        seen[left ? "early" : "late"]++;
      }
    });
    const deleting = (async () => {
      await sleep(Math.random() * 5);
      for (let tries = 0; ; tries++) {
        try {
          return await expire(retention, received(1), { rowsMax: 17 });
        } catch (error) {
          if (!(error instanceof StoreUnavailable) || tries > 5) throw error;
          seen.putOff++;
        }
      }
    })().finally(() => (left = false));
    await Promise.all([...retries, deleting]);
    equal(await count(database), 0);
  }
  t.diagnostic(JSON.stringify(seen));
  deepEqual(await differences(url), []);
});

const isSleeping =
  "FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'";
async function untilSleeping(database: Database): Promise<void> {
  const deadlineMs = performance.now() + 5_000;
  while ((await database.all(`SELECT 1 ${isSleeping}`)).length === 0)
    ok(performance.now() < deadlineMs, "no session sleeps");
}

test("the first deletion waits for inserts that do not check for tombstones", {
  skip,
}, async () => {
  await using opening = await opened({ kind: "postgres" });
  const { database, writer, retention } = opening;
  await writer.insert([message("m")]);
  // The statement has begun, and reaches "m" only a second later: if "m" were deleted by then, it
  // would be stored again.
  const slow = "message_id <> 'a slow one' OR pg_sleep(1) IS NOT NULL";
  await database.all(`ALTER TABLE messages ADD CONSTRAINT slow CHECK (${slow}) NOT VALID`);
  let stored = false;
  const storing = writer.insert([message("a slow one", { from: "+7", to: "+8" }), message("m")]);
  const ending = storing.finally(() => (stored = true));
  await untilSleeping(database);
  equal(await erase(retention, "+1"), 1);
  equal(stored, true);
  deepEqual(await ending, ["created", "duplicate"]);
  deepEqual(await writer.insert([message("m")]), ["duplicate"]);
});

test("the first deletion gives up for now during a dump, and inserts continue", {
  skip,
}, async () => {
  await using opening = await opened({ kind: "postgres" });
  const { url, database, writer, retention } = opening;
  await writer.insert([message("m")]);
  const dumping = sql(url, "BEGIN; LOCK TABLE deletions IN ACCESS SHARE MODE; SELECT pg_sleep(60)");
  const ended = rejects(dumping);
  await untilSleeping(database);
  const deleting = rejects(erase(retention, "+1"), (error: Error) => {
    ok(error instanceof StoreUnavailable);
    match(error.message, /another session holds a lock on the table deletions/);
    return true;
  });
  let given = false;
  const givingUp = deleting.finally(() => (given = true));
  for (let at = 0; !given; at++)
    deepEqual(await writer.insert([message(`new ${at}`)]), ["created"]);
  await givingUp;
  await database.all(`SELECT pg_terminate_backend(pid) ${isSleeping}`);
  await ended;
  ok((await erase(retention, "+1")) > 1);
});

const SLOW_BURIAL = [
  "CREATE FUNCTION doze() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(1); RETURN NULL; END $$",
  "CREATE TRIGGER doze AFTER INSERT ON tombstones FOR EACH STATEMENT EXECUTE FUNCTION doze()",
];

test("a retry that waits for a running deletion is a duplicate afterwards, even if it is rolled back", {
  skip,
}, async () => {
  await using opening = await opened({ kind: "postgres" });
  const { url, database, writer, retention } = opening;
  await writer.insert([message("m"), message("other", { from: "+7", to: "+8" })]);
  equal(await erase(retention, "+7"), 1);
  // From here on it checks.
  deepEqual(await writer.insert([message("other", { from: "+7", to: "+8" })]), ["duplicate"]);
  for (const statement of SLOW_BURIAL) await database.all(statement);
  for (const end of ["taken back", "done"]) {
    const deleting = erase(retention, "+1").catch((error: Error) => error);
    await untilSleeping(database);
    const retrying = writer.insert([message("m"), message(`new ${end}`, { from: "+5", to: "+6" })]);
    if (end === "taken back") await database.all(`SELECT pg_terminate_backend(pid) ${isSleeping}`);
    deepEqual(await retrying, ["duplicate", "created"], end);
    equal((await deleting) instanceof StoreUnavailable, end === "taken back");
    equal(
      (await database.all("SELECT 1 FROM messages WHERE message_id = 'm'")).length,
      end === "done" ? 0 : 1,
    );
  }
  await indexMessages(database, "a");
  deepEqual(await verifyCounts(url, VERIFY), { messages: 2, backlog: 0, differences: [] });
});

test("a process that dies during a deletion has deleted nothing, and the next one does it", {
  skip,
}, async () => {
  await using opening = await opened({ kind: "postgres" });
  const { url, database, writer, retention } = opening;
  await writer.insert(rows(100));
  await indexMessages(database, "a", { blockRowsMax: 8, seqsMax: 60 });
  for (const statement of SLOW_BURIAL) await database.all(statement);
  const deleting = rejects(expire(retention, received(90)), StoreUnavailable);
  await untilSleeping(database);
  // The deletion is visible completely or not at all.
  deepEqual(
    [await count(database), await count(database, "tombstones"), await differences(url)],
    [100, 0, []],
  );
  await database.all(`SELECT pg_terminate_backend(pid) ${isSleeping}`);
  await deleting;
  deepEqual(
    [await count(database), await count(database, "tombstones"), await differences(url)],
    [100, 0, []],
  );
  equal(await expire(retention, received(90)), 90);
  deepEqual(
    [await count(database), await count(database, "tombstones"), await differences(url)],
    [10, 90, []],
  );
});

test("behind PgBouncer in transaction mode messages are deleted, and stay deleted", {
  skip: skip || unlessTool("pgbouncer"),
}, async () => {
  await using fresh = await freshDatabase({ kind: "postgres" });
  await using bouncer = await pgbouncerFor(fresh.url);
  const stores = await Promise.all([1, 2].map(() => PostgresStore.open(bouncer.url, STORE)));
  const [store, other] = stores as [PostgresStore, PostgresStore];
  await store.insertMessages(rows(500));
  equal(await expire(other.retention, received(100)), 100);
  const ofOne = rows(500).slice(100).filter(isOf("+1")).length;
  equal(await erase(store.retention, "+1"), ofOne);
  for (const each of stores) {
    const outcomes = await each.insertMessages([
      ...rows(500),
      message(`new ${each === store}`, { from: "+7", to: "+8" }),
    ]);
    deepEqual(
      [outcomes.filter((outcome) => outcome === "duplicate").length, outcomes.at(-1)],
      [500, "created"],
    );
  }
  equal((await store.stats()).total, 500 - 100 - ofOne + 2);
  await store.retention.scrub();
  for (const each of stores) await each.close();
  deepEqual(await differences(fresh.url), []);
});

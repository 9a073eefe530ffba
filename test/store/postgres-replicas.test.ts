import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { Database } from "../../src/store/postgres/database.ts";
import { verifyCounts } from "../../src/store/postgres/index/verify.ts";
import { PostgresStore } from "../../src/store/postgres/postgres-store.ts";
import { CountedList } from "../../src/store/postgres/reads/counted-list.ts";
import { inSnapshot } from "../../src/store/postgres/reads/snapshot.ts";
import { stats } from "../../src/store/postgres/reads/stats.ts";
import { freshDatabase, unlessPostgres } from "../support/postgres.ts";
import { message } from "./exercise.ts";

const OPTIONS = {
  connectionsMax: 4,
  migrate: true,
  allowWeakDurability: false,
  random: Math.random,
};
const IDS = 8_000;
const BATCHES = 60;
const ROWS_PER_BATCH = 150;

/** All draw from the same ids, so that the stores collide. */
function someRows() {
  return Array.from({ length: ROWS_PER_BATCH }, () => {
    const id = Math.floor(Math.random() * IDS);
    return message(`m${id}`, {
      from: `+${id % 50}`,
      to: `+${id % 3}`,
      ts: `2025-01-${10 + (id % 20)}T10:00:00Z`,
    });
  });
}

test("while three stores write the same ids and count them, every snapshot counts exactly its messages", {
  skip: unlessPostgres(),
}, async () => {
  await using fresh = await freshDatabase();
  // All at once, on an empty database.
  const stores = await Promise.all([1, 2, 3].map(() => PostgresStore.open(fresh.url, OPTIONS)));
  const database = new Database(fresh.url, { connectionsMax: 1 });
  let created = 0;
  let writing = true;
  const writers = stores.map(async (store) => {
    for (let batch = 0; batch < BATCHES; batch++) {
      const outcomes = await store.insertMessages(someRows());
      ok(!outcomes.includes("conflict"));
      created += outcomes.filter((outcome) => outcome === "created").length;
    }
  });
  let snapshots = 0;
  const reader = async () => {
    for (; writing; snapshots++) {
      const [told, counted] = await inSnapshot(
        database,
        { searchIndex: "none", oldFormsIndexed: true, msMax: 30_000, long: true },
        async (snapshot) => {
          const { total, senders } = await stats(snapshot);
          const listed = await new CountedList(snapshot, { kind: "all", name: "" }).count({});
          const rows = await snapshot.tx.all(
            "SELECT count(*) AS total, count(DISTINCT from_msisdn) AS senders FROM messages",
          );
          return [{ total, senders, listed }, rows[0] as { total: number; senders: number }];
        },
      );
      deepEqual(told, { ...counted, listed: counted.total });
    }
  };
  const reading = reader();
  await Promise.all(writers).finally(() => (writing = false));
  await reading;
  ok(snapshots > 10, `only ${snapshots} snapshots`);
  equal((await stores[0]?.stats())?.total, created);
  for (const store of stores) await store.close();
  const verdict = await verifyCounts(fresh.url, {
    progress: () => undefined,
    signal: new AbortController().signal,
  });
  deepEqual([verdict.messages + verdict.backlog, verdict.differences], [created, []]);
  await database.close();
});

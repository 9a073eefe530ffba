import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { PostgresStore } from "../../src/store/postgres/postgres-store.ts";
import { freshDatabase, unlessPostgres } from "../support/postgres.ts";
import { sql } from "../support/sql.ts";

const OPTIONS = {
  connectionsMax: 4,
  migrate: true,
  allowWeakDurability: false,
  random: Math.random,
};

test("of several processes one leads until it steps down or stops reporting; its votes expire after a minute", {
  skip: unlessPostgres(),
}, async () => {
  await using database = await freshDatabase();
  const store = await PostgresStore.open(database.url, OPTIONS);
  const vote = { rule: "disk", summary: "it", since: "2025-01-15T10:00:00.000Z" };
  const leads = async (holder: string, mayLead = true) =>
    (
      await store.alerts.exchange({
        holder,
        nowMs: 0,
        mayLead,
        votes: holder === "a" ? [vote] : [],
        notices: [],
      })
    ).leads;
  const all = async () => [await leads("a"), await leads("b"), await leads("c", false)];
  try {
    deepEqual(await all(), [true, false, false]);
    deepEqual(await all(), [true, false, false]);
    equal(await leads("b", false), false);
    deepEqual([await leads("b"), await leads("a")], [false, true]);
    equal(await leads("a", false), false);
    deepEqual([await leads("c", false), await leads("b"), await leads("a")], [false, true, false]);
    // Like after this time without a report.
    await sql(
      database.url,
      "UPDATE leases SET expires_at = now() - interval '1 s' WHERE name = 'alerts'",
    );
    await sql(database.url, "UPDATE alert_votes SET expires_at = now() - interval '1 s'");
    const { votes } = await store.alerts.exchange({
      holder: "c",
      nowMs: 0,
      mayLead: true,
      votes: [],
      notices: [],
    });
    deepEqual(votes, []);
    deepEqual(await leads("b"), false);
    // Without a leader, those of processes that ended long ago go with the next report.
    await leads("a");
    await leads("c", false);
    await sql(database.url, "UPDATE alert_votes SET expires_at = now() - interval '1 s'");
    await leads("b", false);
    equal((await sql(database.url, "SELECT 1 FROM alert_votes")).length, 1);
    await sql(database.url, "UPDATE alert_votes SET expires_at = now() - interval '61 min'");
    await leads("b", false);
    deepEqual(await sql(database.url, "SELECT count(*)::int AS votes FROM alert_votes"), [
      { votes: 0 },
    ]);
  } finally {
    await store.close();
  }
});

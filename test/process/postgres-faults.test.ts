import { deepEqual, equal, ok } from "node:assert/strict";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { CLEAN, faultsIn, Ledger } from "../support/ledger.ts";
import { Load } from "../support/load.ts";
import { freshDatabase, unlessPostgres } from "../support/postgres.ts";
import { ownServer, unlessOwnServer } from "../support/postgres-server.ts";
import { serve } from "../support/process.ts";
import { HEAL_MS_MAX, provesClean, ready } from "../support/recovery.ts";
import { sql } from "../support/sql.ts";

const RESTARTS = Number(process.env.POSTGRES_RESTARTS ?? 20);
const TERMINATIONS = 20;
const ACCEPTED_BETWEEN = 50;

const folder = () => mkdtempSync(join(tmpdir(), "lyftr-postgres-faults-"));

test(`${RESTARTS} immediate restarts of PostgreSQL under load: no message is lost or stored twice, and the service recovers`, {
  skip: unlessOwnServer(),
}, async (t) => {
  await using server = await ownServer();
  await using database = await freshDatabase({ kind: "postgres", on: server.url });
  await using lyftr = await serve({ cwd: folder(), env: { DATABASE_URL: database.url } });
  const ledger = new Ledger();
  await using load = new Load(ledger, lyftr.url);
  let slowestMs = 0;
  for (let restart = 0; restart < RESTARTS; restart++) {
    await load.accepts(ACCEPTED_BETWEEN + Math.floor(Math.random() * 300));
    await server.stop();
    equal((await fetch(`${lyftr.url}/health/live`)).status, 200);
    await server.start();
    const startMs = performance.now();
    await ready(lyftr.url);
    slowestMs = Math.max(slowestMs, performance.now() - startMs);
  }
  await load.accepts(ACCEPTED_BETWEEN);
  await load.stop();
  ok(load.failed >= RESTARTS, "the restarts were not noticed, so they show nothing");
  t.diagnostic(JSON.stringify(await provesClean(ledger, lyftr.url, database.url)));
  t.diagnostic(
    `slowest request ${Math.round(ledger.slowestMs)} ms, slowest recovery ${Math.round(slowestMs)} ms`,
  );
});

test(`${TERMINATIONS} times all its backends are terminated under load: no message is lost or stored twice`, {
  skip: unlessPostgres(),
}, async (t) => {
  await using database = await freshDatabase({ kind: "postgres" });
  await using lyftr = await serve({ cwd: folder(), env: { DATABASE_URL: database.url } });
  const ledger = new Ledger();
  await using load = new Load(ledger, lyftr.url);
  let terminated = 0;
  for (let time = 0; time < TERMINATIONS; time++) {
    await load.accepts(ACCEPTED_BETWEEN + Math.floor(Math.random() * 100));
    terminated += await terminateBackends(database.url);
    await load.accepts(1, HEAL_MS_MAX);
  }
  await load.accepts(ACCEPTED_BETWEEN);
  await load.stop();
  ok(terminated >= TERMINATIONS, `only ${terminated} backends were there to be terminated`);
  t.diagnostic(`${terminated} backends terminated, ${load.failed} requests failed`);
  t.diagnostic(JSON.stringify(await provesClean(ledger, lyftr.url, database.url)));
});

test("the check can fail: with synchronous_commit=off, immediate restarts lose acknowledged messages", {
  skip: unlessOwnServer(),
}, async (t) => {
  await using server = await ownServer({
    settings: { synchronous_commit: "off", wal_writer_delay: "10s" },
  });
  await using database = await freshDatabase({ kind: "postgres", on: server.url });
  const env = { DATABASE_URL: database.url, ALLOW_WEAK_DURABILITY: "1" };
  await using lyftr = await serve({ cwd: folder(), env });
  // Otherwise the tables would be lost too.
  await sql(server.url, "CHECKPOINT");
  const ledger = new Ledger();
  await using load = new Load(ledger, lyftr.url);
  for (let restart = 0; restart < 3; restart++) {
    await load.accepts(ACCEPTED_BETWEEN);
    await server.restart();
    await ready(lyftr.url);
  }
  await load.stop();
  const found = await ledger.checkPostgres(database.url);
  t.diagnostic(JSON.stringify(found));
  ok(found.lost > 0);
});

test("the checker detects a lost, a corrupted, an unexpected and a phantom message in PostgreSQL", {
  skip: unlessPostgres(),
}, async () => {
  await using database = await freshDatabase({ kind: "postgres" });
  await using lyftr = await serve({ cwd: folder(), env: { DATABASE_URL: database.url } });
  const ledger = new Ledger();
  for (const id of ["a", "b", "c"]) equal(await ledger.send(lyftr.url, id), "ok");
  equal(await ledger.send(lyftr.url, "forged", { forged: true }), "reject");
  deepEqual(faultsIn(await ledger.checkPostgres(database.url)), CLEAN);
  await sql(database.url, "DELETE FROM messages WHERE message_id = 'a'");
  await sql(database.url, "UPDATE messages SET text = 'other' WHERE message_id = 'b'");
  for (const [id, source] of [
    ["never sent", "native"],
    ["forged", "native"],
    ["c", "second"],
  ])
    await sql(
      database.url,
      `CREATE TEMP TABLE copy AS SELECT * FROM messages WHERE message_id = 'c' AND source = 'native';
       UPDATE copy SET message_id = '${id}', source = '${source}'; INSERT INTO messages SELECT * FROM copy`,
    );
  const found = faultsIn(await ledger.checkPostgres(database.url));
  deepEqual(found, { lost: 1, duplicated: 1, unexpected: 1, phantom: 1, corrupted: 2 });
});

async function terminateBackends(databaseUrl: string): Promise<number> {
  const rows = await sql(
    databaseUrl,
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'`,
  );
  return rows.length;
}

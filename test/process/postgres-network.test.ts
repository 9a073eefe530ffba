import { equal, ok } from "node:assert/strict";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { scrape } from "../support/client.ts";
import { Ledger } from "../support/ledger.ts";
import { Load } from "../support/load.ts";
import { freshDatabase, unlessPostgres } from "../support/postgres.ts";
import { ownServer, unlessOwnServer } from "../support/postgres-server.ts";
import { type LyftrProcess, serve } from "../support/process.ts";
import { HEAL_MS_MAX, provesClean, REQUEST_MS_MAX } from "../support/recovery.ts";
import { body, post } from "../support/service.ts";
import { sql } from "../support/sql.ts";
import { type Mode, TcpProxy } from "../support/tcp-proxy.ts";

// Longer than any request may take, so that requests under way at the start of a fault end during
// it.
const FAULT_MS = REQUEST_MS_MAX + 2_000;
const LIVE_MS_MAX = 500;
/** How long the work of a dead process may be left undone. */
const LEASE_MS_MAX = 45_000;
const READS = [
  "/messages",
  "/stats",
  "/senders",
  "/stats/timeline?bucket=day",
  "/messages/r1-1",
  "/health/ready",
  "/metrics",
];

/** Readiness is cached for a second. */
const READY_CACHED_MS = 1_000;

const folder = () => mkdtempSync(join(tmpdir(), "lyftr-postgres-network-"));

/** While the database does not answer: every request ends in time, and liveness answers at once. */
async function boundedDuring(lyftr: LyftrProcess & { readonly url: string }): Promise<void> {
  const endMs = performance.now() + FAULT_MS;
  await setTimeout(READY_CACHED_MS);
  const reads = READS.map(async (path) => {
    const startMs = performance.now();
    const { status } = await fetch(lyftr.url + path);
    const tookMs = performance.now() - startMs;
    ok(tookMs < REQUEST_MS_MAX, `${path} took ${Math.round(tookMs)} ms`);
    equal(status, path === "/metrics" ? 200 : 503, path);
  });
  while (performance.now() < endMs) {
    const startMs = performance.now();
    equal((await fetch(`${lyftr.url}/health/live`)).status, 200);
    const tookMs = performance.now() - startMs;
    ok(tookMs < LIVE_MS_MAX, `/health/live took ${Math.round(tookMs)} ms`);
    await setTimeout(100);
  }
  await Promise.all(reads);
}

test("a server that hangs: every request ends within ten seconds, and the service recovers when it continues", {
  skip: unlessOwnServer(),
}, async (t) => {
  await using server = await ownServer();
  await using database = await freshDatabase({ kind: "postgres", on: server.url });
  await using lyftr = await serve({ cwd: folder(), env: { DATABASE_URL: database.url } });
  const ledger = new Ledger();
  await using load = new Load(ledger, lyftr.url);
  await load.accepts(100);
  server.freeze();
  await boundedDuring(lyftr);
  ok(load.failed > 0, "the hung server was not noticed");
  server.thaw();
  await load.accepts(1, HEAL_MS_MAX);
  await load.accepts(100);
  await load.stop();
  t.diagnostic(JSON.stringify(await provesClean(ledger, lyftr.url, database.url)));
  t.diagnostic(`slowest request ${Math.round(ledger.slowestMs)} ms`);
});

for (const [mode, what] of [
  ["blackHole", "swallows everything"],
  ["drip", "passes one byte a second"],
] as const satisfies readonly (readonly [Mode, string])[]) {
  test(`a network to PostgreSQL that ${what}: every request ends within ten seconds, and the service recovers`, {
    skip: unlessPostgres(),
  }, async (t) => {
    await using database = await freshDatabase({ kind: "postgres" });
    await using proxy = await TcpProxy.to(database.url);
    await using lyftr = await serve({
      cwd: folder(),
      env: { DATABASE_URL: proxy.through(database.url) },
    });
    const ledger = new Ledger();
    await using load = new Load(ledger, lyftr.url);
    await load.accepts(100);
    proxy.set(mode);
    await boundedDuring(lyftr);
    ok(load.failed > 0, "the fault was not noticed");
    proxy.set("pass");
    // A request that still waits on a dead connection waits no longer than a request may.
    await load.accepts(1, REQUEST_MS_MAX);
    await load.accepts(100);
    await load.stop();
    t.diagnostic(JSON.stringify(await provesClean(ledger, lyftr.url, database.url)));
    t.diagnostic(`slowest request ${Math.round(ledger.slowestMs)} ms`);
  });
}

test("a replica whose machine dies while it counts does not keep the others from counting", {
  skip: unlessPostgres(),
}, async () => {
  await using database = await freshDatabase({ kind: "postgres" });
  await using proxy = await TcpProxy.to(database.url);
  await using dying = await serve({
    cwd: folder(),
    env: { DATABASE_URL: proxy.through(database.url) },
  });
  equal((await post(dying.url, body({ message_id: "first" }))).status, 200);
  await proxy.cutBefore("COMMIT");
  dying.child.kill("SIGKILL");
  await dying.ended;
  const [held] = await sql(
    database.url,
    `SELECT count(*)::int AS held FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle in transaction'`,
  );
  equal(held?.held, 1, "nothing was cut, so this shows nothing");

  await using other = await serve({ cwd: folder(), env: { DATABASE_URL: database.url } });
  equal((await post(other.url, body({ message_id: "second" }))).status, 200);
  const deadline = performance.now() + LEASE_MS_MAX;
  while (!/^read_index_backlog_rows 0$/m.test(await scrape(other))) {
    ok(performance.now() < deadline, `not counted within ${LEASE_MS_MAX} ms`);
    await setTimeout(100);
  }
});

for (const [mode, what] of [
  ["reset", "resets every connection"],
  ["halfClose", "closes its half of every connection"],
] as const satisfies readonly (readonly [Mode, string])[]) {
  test(`a network to PostgreSQL that ${what}, now and again and for seconds: the service recovers each time`, {
    skip: unlessPostgres(),
  }, async (t) => {
    await using database = await freshDatabase({ kind: "postgres" });
    await using proxy = await TcpProxy.to(database.url);
    await using lyftr = await serve({
      cwd: folder(),
      env: { DATABASE_URL: proxy.through(database.url) },
    });
    const ledger = new Ledger();
    await using load = new Load(ledger, lyftr.url);
    for (const failures of [1, 1, 1, 1, 1, 200]) {
      await load.accepts(100);
      proxy.set(mode);
      await load.fails(failures);
      equal((await fetch(`${lyftr.url}/health/live`)).status, 200);
      proxy.set("pass");
      await load.accepts(1, HEAL_MS_MAX);
    }
    await load.accepts(100);
    await load.stop();
    t.diagnostic(JSON.stringify(await provesClean(ledger, lyftr.url, database.url)));
    t.diagnostic(`slowest request ${Math.round(ledger.slowestMs)} ms`);
  });
}

test("a slow network to PostgreSQL, 200 ms each way: messages are accepted without an error", {
  skip: unlessPostgres(),
}, async (t) => {
  await using database = await freshDatabase({ kind: "postgres" });
  await using proxy = await TcpProxy.to(database.url);
  await using lyftr = await serve({
    cwd: folder(),
    env: { DATABASE_URL: proxy.through(database.url) },
  });
  const ledger = new Ledger();
  proxy.set("delay");
  await using load = new Load(ledger, lyftr.url);
  await load.accepts(100);
  for (const path of ["/messages?limit=1", "/stats", "/senders"])
    equal((await fetch(lyftr.url + path)).status, 200, path);
  await load.stop();
  equal(load.failed, 0);
  proxy.set("pass");
  t.diagnostic(JSON.stringify(await provesClean(ledger, lyftr.url, database.url)));
});

import { deepEqual, equal, match, ok } from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { RULES } from "../../src/alerts/rules.ts";
import type { Overview } from "../../src/http/routes/overview.ts";
import { createMetrics } from "../../src/observe/metrics.ts";
import { OVERVIEW_METRICS, overviewFigures } from "../../src/observe/overview-figures.ts";
import { openStore } from "../../src/store/open.ts";
import { message } from "../store/exercise.ts";
import { bearer } from "../support/api-keys.ts";
import { bareServer } from "../support/bare-server.ts";
import { scrape, seen, series } from "../support/client.ts";
import { body, getJson, post, SECRET, type Service, startService } from "../support/service.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { otherUserOf, testedDatabase } from "../support/tested-store.ts";

const ADMIN = "an-admin-key-of-32-characters-or-more";
const MOMENT = /^2[0-9]{3}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$/;
const ANSWER_MS_MAX = 1_000;
const WAIT_MS_MAX = 10_000;
const isPostgres = ["postgres", "citus"].includes(process.env.TEST_STORE ?? "sqlite");

// biome-ignore lint/suspicious/noExplicitAny: every test looks into it differently
type Told = any;

async function overview({ url }: Pick<Service, "url">, key?: string): Promise<Told> {
  const response = await fetch(`${url}/overview`, { headers: key ? bearer(key) : {} });
  equal(response.status, 200);
  return response.json();
}

/** Repeats until it holds, because the answer is made at most once a second. */
async function overviewWhere(
  service: Pick<Service, "url">,
  holds: (told: Told) => boolean,
): Promise<Told> {
  const deadline = AbortSignal.timeout(WAIT_MS_MAX);
  for (;;) {
    const told = await overview(service);
    if (holds(told)) return told;
    deadline.throwIfAborted();
    await sleep(100);
  }
}

test("the overview of a new service has every figure", async () => {
  await using service = await startService({ RETENTION_DAYS: "90" });
  const told = await overview(service);
  const { at, version, started_at, database } = told;
  for (const moment of [at, started_at]) match(moment, MOMENT);
  ok(started_at <= at);
  match(version, /^[0-9]+\.[0-9]+\.[0-9]+/);
  deepEqual(Object.keys(database), ["engine", "size_bytes", "disk_free_bytes", "disk_size_bytes"]);
  ok(database.size_bytes > 0);
  if (isPostgres) {
    deepEqual(
      [database.engine, database.disk_free_bytes, database.disk_size_bytes],
      ["postgres", null, null],
    );
  } else {
    ok(database.disk_free_bytes > 0 && database.disk_size_bytes >= database.disk_free_bytes);
    equal(database.engine, "sqlite");
  }
  deepEqual(told, {
    at,
    version,
    started_at,
    ready: true,
    problem: null,
    read: "until_first_key",
    last_received_at: null,
    results: {
      created: 0,
      duplicate: 0,
      invalid_signature: 0,
      validation_error: 0,
      too_large: 0,
      unsupported: 0,
      rate_limited: 0,
      unavailable: 0,
      error: 0,
    },
    conflicts: 0,
    shed: 0,
    queue: { rows: 0, age_seconds: 0 },
    index_backlog_rows: 0,
    workers: { configured: 1, alive: 1 },
    retention: { days: 90, last_run_at: null },
    database,
    alerts: [],
  });
});

test("the results and conflicts are those of the metrics", async () => {
  await using service = await startService({ MAX_BODY_BYTES: "1000" });
  await post(service.url, body());
  await post(service.url, body());
  await post(service.url, body({ text: "Other" }));
  await post(service.url, body({ message_id: "m2" }));
  await post(service.url, body(), { "x-signature": "123" });
  await post(service.url, "{}");
  await post(service.url, " ".repeat(1_001));
  await post(service.url, body(), { "content-encoding": "gzip" });
  const told = await overviewWhere(service, ({ results }) => results.unsupported > 0);
  const samples = series(await scrape(service));
  for (const [result, count] of Object.entries(told.results))
    equal(count, samples.get(`webhook_requests_total{result="${result}"}`), result);
  deepEqual(
    [told.results.created, told.results.duplicate, told.results.too_large, told.conflicts],
    [2, 2, 1, 1],
  );
  equal(told.conflicts, samples.get("webhook_conflicts_total"));
});

test("it says when the newest message arrived, also after a restart, and nothing of what is in it", async () => {
  await using database = await testedDatabase();
  const env = { DATABASE_URL: database.url };
  let arrived: string;
  {
    await using service = await startService(env);
    equal((await overview(service)).last_received_at, null);
    const text = "a text that is private";
    await post(service.url, body({ ts: "2020-01-15T10:00:00Z", text }));
    const told = await overviewWhere(service, ({ last_received_at: at }) => at !== null);
    const { data } = await getJson(`${service.url}/messages`);
    arrived = told.last_received_at;
    equal(arrived, data[0].created_at);
    const whole = JSON.stringify(told);
    for (const secret of ["+919876543210", "+14155550100", "919876543210", text, SECRET, "m1"])
      ok(!whole.includes(secret), secret);
  }
  await using again = await startService(env);
  equal((await overview(again)).last_received_at, arrived);
});

test("it says who may read, and asks for a key itself when reading needs one", async () => {
  await using open = await startService({ READ_AUTH: "open", ADMIN_API_KEY: ADMIN });
  equal((await overview(open)).read, "open");
  await using closed = await startService({ ADMIN_API_KEY: ADMIN });
  equal((await overview(closed, ADMIN)).read, "keys");
  equal((await seen(fetch(`${closed.url}/overview`))).status, 401);
});

test("without a secret it says why no message is taken", async () => {
  await using service = await startService({ WEBHOOK_SECRET: "" });
  const { ready, problem } = await overview(service);
  deepEqual([ready, problem], [false, "WEBHOOK_SECRET not configured"]);
});

test("what another program writes after an overview is in a later one", async () => {
  await using service = await startService();
  await overviewWhere(service, (told) => told.ready && told.last_received_at === null);
  await using scope = new AsyncDisposableStack();
  const other = await openStore(service.databaseUrl);
  scope.defer(() => other.close());
  await other.insertMessages([message("m1")]);
  await overviewWhere(service, (told) => told.last_received_at !== null);
  const at = "2026-01-01T00:00:00.000Z";
  await other.retention.recordSweep({ at, receivedBefore: null, fullScanAt: at });
  await overviewWhere(service, (told) => told.retention.last_run_at === at);
});

test("a sweep of any process is the last one", async () => {
  await using service = await startService({ RETENTION_DAYS: "30" });
  await using other = await otherUserOf(service.databaseUrl);
  await other.exec(
    `DELETE FROM retention_sweep; INSERT INTO retention_sweep VALUES (1, '2025-01-15T10:00:00.000Z', '2024-12-16T10:00:00.000Z', '2025-01-15T09:00:00.000Z')`,
  );
  const { retention } = await overviewWhere(service, (told) => told.retention.last_run_at);
  deepEqual(retention, { days: 30, last_run_at: "2025-01-15T10:00:00.000Z" });
});

test("it has the alerts of all processes, with targets and without, with advice", async () => {
  await using service = await startService();
  await using other = await otherUserOf(service.databaseUrl);
  const vote = (rule: string, holder: string, since: string) =>
    `('${rule}', '${holder}', '${holder} has ${rule}', '${since}', '2999-01-15T10:00:00.000Z')`;
  await other.exec(
    `INSERT INTO alert_votes (rule, holder, summary, since, expires_at) VALUES ${[
      vote("silence", "a", "2025-01-15T10:00:00.000Z"),
      vote("shown:not_ready", "a", "2025-01-15T10:02:00.000Z"),
      vote("shown:not_ready", "b", "2025-01-15T10:01:00.000Z"),
    ].join()}`,
  );
  const { alerts } = await overviewWhere(service, (told) => told.alerts.length > 0);
  const adviceOf = (name: string) => RULES.find((rule) => rule.name === name)?.advice;
  deepEqual(alerts, [
    {
      rule: "not_ready",
      severity: "critical",
      since: "2025-01-15T10:01:00.000Z",
      summary: "b has shown:not_ready",
      what_to_do: adviceOf("not_ready"),
    },
    {
      rule: "silence",
      severity: "warning",
      since: "2025-01-15T10:00:00.000Z",
      summary: "a has silence",
      what_to_do: adviceOf("silence"),
    },
  ]);
});

test("while the database cannot be read, it is answered within a second and says so", async () => {
  await using service = await startService();
  await post(service.url, body());
  const before = await overviewWhere(service, (told) => told.last_received_at !== null);
  await using other = await otherUserOf(service.databaseUrl);
  const table = isPostgres ? "messages" : "lyftr_messages";
  await other.exec(`ALTER TABLE ${table} RENAME TO gone`);
  const told = await overviewWhere(service, ({ ready }) => !ready);
  deepEqual([told.ready, told.problem], [false, "database not ready"]);
  deepEqual(
    [told.results.created, told.last_received_at],
    [before.results.created, before.last_received_at],
  );
  await other.exec(`ALTER TABLE gone RENAME TO ${table}`);
  await overviewWhere(service, ({ ready }) => ready);
});

// Only a network hangs.
if (isPostgres)
  test("while the database hangs, it is answered within a second, and what only the database knows is null", async () => {
    await using database = await testedDatabase();
    await using proxy = await TcpProxy.to(database.url);
    await using service = await startService({ DATABASE_URL: proxy.through(database.url) });
    await post(service.url, body());
    await overviewWhere(service, (told) => told.last_received_at !== null);
    proxy.set("blackHole");
    let told: Told;
    for (let asked = 0; asked < 12; asked++) {
      const startMs = performance.now();
      told = await overview(service);
      const ms = performance.now() - startMs;
      ok(ms < ANSWER_MS_MAX, `${ms} ms`);
      await sleep(250);
    }
    deepEqual([told.ready, told.problem], [false, "database not ready"]);
    deepEqual([told.results.created, told.retention.last_run_at, told.alerts], [1, null, []]);
    match(told.last_received_at, MOMENT);
    // Connections that are cut need not be waited for at the end.
    proxy.set("reset");
  });

async function made(at: number): Promise<Overview> {
  const metrics = createMetrics({ version: "0", node: "0" });
  const figures = await overviewFigures([await metrics.samplesOf(OVERVIEW_METRICS)]);
  return {
    ...figures,
    at: new Date(at).toISOString(),
    version: "0",
    startedAt: new Date(0).toISOString(),
    ready: true,
    problem: null,
    read: "open",
    lastReceivedAt: null,
    retention: { days: null, lastRunAt: null },
    database: { engine: "sqlite", sizeBytes: null, diskFreeBytes: null, diskSizeBytes: null },
    alerts: [],
  };
}

test("however many ask, it is made once a second", async () => {
  let count = 0;
  const startMs = performance.now();
  await using server = await bareServer({ overview: () => made(++count) });
  const moments = new Set<string>();
  for (let round = 0; round < 10; round++) {
    const all = await Promise.all(Array.from({ length: 20 }, () => overview(server)));
    for (const { at } of all) moments.add(at);
    await sleep(50);
  }
  const seconds = (performance.now() - startMs) / 1_000;
  equal(moments.size, count);
  ok(count <= 1 + seconds, `${count} in ${seconds} s`);
});

import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { bearer } from "../support/api-keys.ts";
import { temporaryFolder } from "../support/cli.ts";
import { scrape } from "../support/client.ts";
import { everyTraffic, type Receiver } from "../support/every-traffic.ts";
import {
  ask,
  type Chosen,
  type DashboardQuery,
  queriesOf,
  type Series,
  shippedDashboard,
} from "../support/grafana.ts";
import { freshDatabase, unlessPostgres } from "../support/postgres.ts";
import { type LyftrProcess, serve } from "../support/process.ts";
import { type Prometheus, startPrometheus, unlessPrometheus } from "../support/prometheus.ts";
import { testedRedis, unlessAnyRedis } from "../support/redis.ts";
import { body, post } from "../support/service.ts";
import { otherUserOf } from "../support/tested-store.ts";

// A real Prometheus scrapes the real service, on SQLite and with workers on PostgreSQL, under
// traffic of every kind, and another service without traffic. Then every query of the dashboard's
// file is evaluated as Grafana would.

const SCRAPE_SECONDS = 2;
/** Of each process, while there is traffic. */
const SCRAPES_MIN = 5;
const TRAFFIC_MS_MAX = 120_000;
const NOTICED_MS_MAX = 60_000;
const ADMIN_KEY = "an-admin-key-of-thirty-two-letters";
const OLD_SECRET = "the secret before";
const BODY_BYTES_MAX = 4_096;

const ENV = {
  ADMIN_API_KEY: ADMIN_KEY,
  WEBHOOK_SECRET_PREVIOUS: OLD_SECRET,
  MAX_BODY_BYTES: String(BODY_BYTES_MAX),
  METRICS_AUTH: "required",
  RATE_LIMIT_PER_SENDER: "4/1h",
  RETENTION_DAYS: "1",
};

const skip = unlessPrometheus() || unlessPostgres() || unlessAnyRedis();
const everything = new AsyncDisposableStack();
const queries = queriesOf(shippedDashboard());
let prometheus: Prometheus;
let busy: Chosen;
let idle: Chosen;
let exposition: string;
let alone: LyftrProcess & { readonly url: string };

before(async () => {
  if (skip) return;
  const folder = everything.use(temporaryFolder());
  const idleFolder = everything.use(temporaryFolder());
  const redis = everything.use(await testedRedis());
  const database = everything.use(await freshDatabase({ kind: "postgres" }));
  const env = { ...ENV, REDIS_URL: redis.url };
  const sqliteUrl = `sqlite:///${folder.file("app.db")}`;
  const sqlite = everything.use(
    await serve({ cwd: folder.path, env: { ...env, DATABASE_URL: sqliteUrl } }),
  );
  const postgres = everything.use(
    await serve({ cwd: folder.path, env: { ...env, DATABASE_URL: database.url, WORKERS: "2" } }),
  );
  alone = everything.use(await serve({ cwd: idleFolder.path }));
  const hosts = [sqlite.url, postgres.url].map((url) => new URL(url).host);
  const fromMs = Date.now();
  prometheus = everything.use(
    await startPrometheus(configuration(hosts, new URL(alone.url).host), { key: ADMIN_KEY }),
  );
  const receivers = [sqlite.url, postgres.url].map((url) => ({
    url,
    adminKey: ADMIN_KEY,
    oldSecret: OLD_SECRET,
    bodyBytesMax: BODY_BYTES_MAX,
  }));
  await trafficUntilScraped(receivers, sqliteUrl);
  exposition = await scrape(sqlite, bearer(ADMIN_KEY));
  const span = { fromMs, toMs: Date.now(), scrapeSeconds: SCRAPE_SECONDS };
  busy = { job: "lyftr", instances: "all", ...span };
  idle = { job: "lyftr-idle", instances: "all", ...span };
});
after(() => everything.disposeAsync());

/** Like deploy/prometheus/prometheus.yml, with a key for /metrics, and faster. */
function configuration(hosts: readonly string[], alone: string): string {
  const interval = `scrape_interval: ${SCRAPE_SECONDS}s, scrape_timeout: ${SCRAPE_SECONDS}s`;
  return `global: { ${interval} }
scrape_configs:
  - job_name: lyftr
    authorization: { credentials_file: key }
    static_configs: [{ targets: ${JSON.stringify(hosts)} }]
  - job_name: lyftr-idle
    static_configs: [{ targets: ["${alone}"] }]
`;
}

/**
 * Sends until Prometheus has scraped each process often enough, with the database locked for a
 * while.
 */
async function trafficUntilScraped(
  receivers: readonly Receiver[],
  databaseUrl: string,
): Promise<void> {
  const deadline = performance.now() + TRAFFIC_MS_MAX;
  const round = () => Promise.all(receivers.map(everyTraffic));
  await untilScraped(1, round, deadline);
  await using other = await otherUserOf(databaseUrl);
  await other.lockWrites();
  equal((await post(receivers[0]?.url ?? "", body({ message_id: "locked" }))).status, 503);
  await other.unlockWrites();
  const once = await fetch(`${receivers[0]?.url}/messages?cursor=altered`, {
    headers: bearer(ADMIN_KEY),
  });
  equal(once.status, 400);
  await untilScraped(SCRAPES_MIN, round, deadline);
}

async function untilScraped(
  times: number,
  round: () => Promise<unknown>,
  deadline: number,
): Promise<void> {
  for (;;) {
    await round();
    const scrapes = await prometheus.query("sum_over_time(up[5m])");
    if (scrapes.length === 3 && scrapes.every(({ value }) => value >= times)) return;
    ok(
      performance.now() < deadline,
      `not scraped ${times} times: ${JSON.stringify(scrapes)}\n${prometheus.log()}`,
    );
  }
}

/** The panels whose queries return nothing, or only NaN. */
async function empty(asked: readonly DashboardQuery[], chosen: Chosen): Promise<readonly string[]> {
  const found: string[] = [];
  for (const query of asked) {
    const series = await ask(prometheus.url, query, chosen);
    if (series.length === 0) found.push(`${query.panel}: ${query.expr}`);
  }
  return found;
}

/** The series of the panel with this title, under traffic. */
async function shown(panel: string): Promise<readonly Series[]> {
  const asked = queries.filter((query) => query.panel === panel);
  ok(asked.length > 0, `there is no panel ${panel}`);
  return (await Promise.all(asked.map((query) => ask(prometheus.url, query, busy)))).flat();
}

/** The values of a label whose series rose above 0 at some time. */
function risen(series: readonly Series[], label: string): readonly string[] {
  return series
    .filter(({ values }) => Math.max(...values) > 0)
    .map(({ labels }) => labels[label] ?? "")
    .sort();
}

test("every query of every panel has data under traffic, for all and for selected instances", {
  skip,
}, async () => {
  ok(queries.length > 50, `${queries.length} queries`);
  deepEqual(await empty(queries, busy), []);
  const instances = (await prometheus.query(`up{job="lyftr"}`)).map(
    ({ metric }) => metric.instance ?? "",
  );
  equal(instances.length, 2);
  deepEqual(await empty(queries, { ...busy, instances }), []);
});

test("a service without traffic shows zeros; a panel without data says why in words", {
  skip,
}, async () => {
  const silent = queries.filter(({ mayBeEmpty }) => !mayBeEmpty);
  ok(silent.length > 40, `${silent.length} queries`);
  deepEqual(await empty(silent, idle), []);
});

test("a misspelt metric and a wrong query would be noticed", { skip }, async () => {
  const misspelt = {
    panel: "misspelt",
    expr: `sum(commit_queue_row{job="$job"})`,
    instant: false,
    mayBeEmpty: false,
  };
  deepEqual(await empty([misspelt], busy), [`misspelt: ${misspelt.expr}`]);
  await rejects(ask(prometheus.url, { ...misspelt, expr: "sum(" }, busy), /parse error/);
  await rejects(
    ask(prometheus.url, { ...misspelt, expr: "up{job=~'$jobs'}" }, busy),
    /no value for \$jobs/,
  );
});

test("the panels show what was sent: results, statuses, limits, secrets, keys and deletions", {
  skip,
}, async () => {
  const results = [
    "created",
    "duplicate",
    "invalid_signature",
    "rate_limited",
    "too_large",
    "unavailable",
  ];
  deepEqual(risen(await shown("Webhooks by result"), "result"), [
    ...results,
    "unsupported",
    "validation_error",
  ]);
  deepEqual(risen(await shown("All requests by status"), "class"), ["2", "4", "5"]);
  deepEqual(risen(await shown("Answered 429, by limit"), "limit"), ["sender"]);
  deepEqual(risen(await shown("Webhooks by secret"), "key"), ["current", "previous_1"]);
  deepEqual(risen(await shown("Checks of API keys"), "result"), [
    "forbidden",
    "ok",
    "unauthorized",
  ]);
  deepEqual(risen(await shown("Messages deleted"), "reason"), ["erased"]);
  deepEqual(risen(await shown("Messages by source"), "source"), ["native"]);
  const [conflicts] = await shown("Duplicates with other content");
  ok((conflicts?.values[0] ?? 0) > 0);
});

test("an error that happened once is in the table of errors, although its counter never rose between two scrapes", {
  skip,
}, async () => {
  const table = await shown("Most frequent errors");
  const once = table.find(({ labels }) => labels.path === "/messages" && labels.status === "400");
  deepEqual(once?.values, [1], JSON.stringify(table));
  ok(table.some(({ labels }) => labels.path === "unmatched" && labels.status === "404"));
});

test("the variables offer the services and their instances", { skip }, async () => {
  const { templating, annotations } = shippedDashboard();
  const definitions = templating.list.map(({ name, definition }) => [name, definition]);
  deepEqual(definitions, [
    ["datasource", undefined],
    ["job", "label_values(lyftr_build_info, job)"],
    ["instance", `label_values(lyftr_build_info{job=~"$job"}, instance)`],
  ]);
  const jobs = (await prometheus.query("count by (job) (lyftr_build_info)")).map(
    ({ metric }) => metric.job,
  );
  deepEqual(jobs.toSorted(), ["lyftr", "lyftr-idle"]);
  for (const { name, expr } of annotations.list)
    await ask(prometheus.url, { panel: name, expr, instant: false, mayBeEmpty: true }, busy);
});

test("promtool accepts the metrics, except what the contract and the metrics library determine", {
  skip,
}, () => {
  const { stdout, stderr } = spawnSync("promtool", ["check", "metrics"], {
    input: exposition,
    encoding: "utf8",
  });
  equal(stdout, "");
  // Dashboards of Node.js use the library's names.
  deepEqual(stderr.trim().split("\n").toSorted(), [
    'nodejs_active_handles_total non-counter metrics should not have "_total" suffix',
    'nodejs_active_requests_total non-counter metrics should not have "_total" suffix',
    'nodejs_active_resources_total non-counter metrics should not have "_total" suffix',
    "nodejs_eventloop_utilization_histogram metric name should not include type 'histogram'",
    "nodejs_eventloop_utilization_summary metric name should not include type 'summary'",
    "request_latency_ms metric names should not contain abbreviated units",
  ]);
});

test("a killed process is shown as not ready, although it reports nothing any more", {
  skip,
}, async () => {
  const [ready] = queries.filter(({ panel }) => panel === "Ready");
  const shownNow = async () => {
    const [series] = await ask(prometheus.url, ready as DashboardQuery, {
      ...idle,
      toMs: Date.now(),
    });
    return series?.values.at(-1);
  };
  equal(await shownNow(), 1);
  alone.child.kill("SIGKILL");
  await alone.ended;
  const deadline = performance.now() + NOTICED_MS_MAX;
  while ((await shownNow()) !== 0) {
    ok(performance.now() < deadline, "it is shown as ready still");
    await sleep(200);
  }
});

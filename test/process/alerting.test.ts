import { deepEqual, equal, ok } from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { PAGE_KEY, startAlertmanager, unlessAlertmanager } from "../support/alertmanager.ts";
import { type FakePagerDuty, fakePagerDuty } from "../support/fake-pagerduty.ts";
import { freshDatabase } from "../support/postgres.ts";
import { ownServer, type PostgresServer, unlessOwnServer } from "../support/postgres-server.ts";
import { serve } from "../support/process.ts";
import {
  type Prometheus,
  shipped,
  startPrometheus,
  unlessPrometheus,
} from "../support/prometheus.ts";
import { ready } from "../support/recovery.ts";
import { freePort } from "../support/server-folder.ts";
import { body, post } from "../support/service.ts";

/**
 * Rounds of breaking and repairing. One fits into the time of a test; `ALERTING_ROUNDS=3` measures.
 */
const ROUNDS = Number(process.env.ALERTING_ROUNDS ?? 1);
/**
 * The promise of docs/operations/alerts.md, for a page after a fault and its resolve after the
 * repair.
 */
const PROMISED_MS = 90_000;
/**
 * Shorter than what pages, and longer than the scrape interval and timeout, so that one scrape
 * fails.
 */
const HICCUP_MS = 16_000;
/**
 * A second page for the same fault would come with the next flush of its group, or when a rule
 * starts again.
 */
const AFTERMATH_MS = 30_000;
const SENDERS = 4;
const PAUSE_MS = 200;

const SCRAPED_MS_MAX = 60_000;
const SHAPE = ["client", "dedup_key", "event_action", "payload", "routing_key"];

const folder = () => mkdtempSync(join(tmpdir(), "lyftr-alerting-"));
const skip = unlessPrometheus() || unlessAlertmanager() || unlessOwnServer();

/** A service that Prometheus scrapes under that name, with its senders. */
interface Watched {
  readonly job: string;
  readonly url: string;
  readonly databaseUrl: string;
  signal(name: "SIGSTOP" | "SIGCONT"): void;
  /** Ends it as an upgrade does, and starts it on the same port. */
  restart(): Promise<void>;
}

test("a broken database pages once and its repair resolves once, within 90 s each, for every service; a short fault and a restart do not page", {
  skip,
}, async (t) => {
  await using scope = new AsyncDisposableStack();
  const pagerDuty = scope.use(await fakePagerDuty());
  const server = scope.use(await ownServer());
  const database = scope.use(await freshDatabase({ kind: "postgres", on: server.url }));
  const away = await watched(scope, "lyftr", database.url);
  const locked = await watched(scope, "lyftr-locked", sqliteUrl());
  const hiccup = await watched(scope, "lyftr-hiccup", sqliteUrl());
  const prometheus = await monitor(scope, pagerDuty, [away, locked, hiccup]);
  await holds(prometheus, "count(service_ready == 1) == 3", SCRAPED_MS_MAX);
  const short = shortFaults(hiccup);
  for (let round = 1; round <= ROUNDS; round++) {
    const brokenAtMs = Date.now();
    const mend = await breakBoth(server, locked);
    await pagerDuty.until(() => pagerDuty.open().length === 2, PROMISED_MS);
    await mend();
    const mendedAtMs = Date.now();
    await pagerDuty.until(() => pagerDuty.open().length === 0, PROMISED_MS);
    for (const { summary, openedAtMs, resolvedAtMs = 0 } of pagerDuty.incidents().slice(-2))
      t.diagnostic(
        `${seconds(openedAtMs - brokenAtMs)} to page, ${seconds(resolvedAtMs - mendedAtMs)} to resolve "${summary}"`,
      );
    await setTimeout(AFTERMATH_MS);
    equal(pagerDuty.incidents().length, 2 * round, "another page came");
  }
  await short;
  provesOneIncidentEach(pagerDuty, [away, locked]);
  equal((await prometheus.query(`min_over_time(service_ready{job="lyftr"}[10m]) == 0`)).length, 1);
  const noticed = `min_over_time(up{job="lyftr-hiccup"}[10m]) == 0`;
  equal(
    (await prometheus.query(noticed)).length,
    1,
    "the hiccup was not noticed, so it shows nothing",
  );
  const restarted = `changes(process_start_time_seconds{job="lyftr-hiccup"}[10m]) == 1`;
  equal((await prometheus.query(restarted)).length, 1);
});

/** The real binary with some senders, which continue whatever it answers. */
async function watched(
  scope: AsyncDisposableStack,
  job: string,
  databaseUrl: string,
): Promise<Watched> {
  const options = {
    cwd: folder(),
    env: { DATABASE_URL: databaseUrl, PORT: String(await freePort()) },
  };
  const lyftr = scope.use(await serve(options));
  const { url } = lyftr;
  const stopping = new AbortController();
  const senders = Array.from({ length: SENDERS }, async (_, sender) => {
    for (let n = 0; !stopping.signal.aborted; n++) {
      await post(url, body({ message_id: `${sender}-${n}` })).then(
        (answer) => answer.arrayBuffer(),
        () => undefined,
      );
      await setTimeout(PAUSE_MS, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  });
  scope.defer(async () => {
    stopping.abort();
    await Promise.all(senders);
  });
  const restart = async () => {
    lyftr.child.kill("SIGTERM");
    equal(await lyftr.ended, 0);
    scope.use(await serve(options));
  };
  const signal = (name: "SIGSTOP" | "SIGCONT") => void lyftr.child.kill(name);
  return { job, url, databaseUrl, signal, restart };
}

const seconds = (ms: number) => `${(ms / 1_000).toFixed(1)} s`;
const sqliteUrl = () => `sqlite:///${join(folder(), "app.db")}`;

/** The shipped configuration, with these services instead of the configured one. */
async function monitor(
  scope: AsyncDisposableStack,
  pagerDuty: FakePagerDuty,
  [first, ...others]: readonly Watched[],
): Promise<Prometheus> {
  const alertmanager = scope.use(await startAlertmanager(pagerDuty.url));
  const host = (service: Watched | undefined) => new URL(service?.url ?? "").host;
  const config = shipped("prometheus/prometheus.yml", {
    "webhook-api:8000": host(first),
    "alertmanager:9093": alertmanager.address,
  });
  const jobs = others.map(
    (one) => `  - job_name: ${one.job}\n    static_configs: [{ targets: ["${host(one)}"] }]\n`,
  );
  const files = { "lyftr.rules.yml": shipped("prometheus/lyftr.rules.yml") };
  return scope.use(await startPrometheus(`${config}${jobs.join("")}`, files));
}

/**
 * Takes one service's database away and locks that of the other; resolves with a function that
 * undoes it.
 */
async function breakBoth(server: PostgresServer, locked: Watched): Promise<() => Promise<void>> {
  const release = lock(locked);
  await server.stop();
  return async () => {
    await server.start();
    release();
  };
}

/** Like another process that has begun to write and does not end. */
function lock({ databaseUrl }: Watched): () => void {
  const holder = new DatabaseSync(databaseUrl.replace("sqlite:///", ""), { timeout: 2_000 });
  holder.exec("BEGIN IMMEDIATE");
  return () => holder.close();
}

/** Nothing answers for a moment; when it recovers, the service is restarted. */
async function shortFaults(service: Watched): Promise<void> {
  service.signal("SIGSTOP");
  await setTimeout(HICCUP_MS);
  service.signal("SIGCONT");
  await ready(service.url);
  await service.restart();
}

async function holds(prometheus: Prometheus, promql: string, msMax: number): Promise<void> {
  const deadline = performance.now() + msMax;
  while ((await prometheus.query(promql)).length === 0) {
    ok(performance.now() < deadline, `not within ${msMax} ms: ${promql}`);
    await setTimeout(100);
  }
}

function provesOneIncidentEach(
  { received, incidents }: FakePagerDuty,
  broken: readonly Watched[],
): void {
  const keys = broken.map(({ job }) =>
    createHash("sha256").update(`{}/{severity="page"}:{job="${job}"}`).digest("hex"),
  );
  const all = incidents();
  deepEqual(
    all.map(({ dedupKey }) => dedupKey).toSorted(),
    Array.from({ length: ROUNDS }, () => keys)
      .flat()
      .toSorted(),
  );
  equal(
    received.filter(({ event }) => event.event_action === "resolve").length,
    broken.length * ROUNDS,
  );
  for (const { event, answered } of received) {
    equal(answered, 202, JSON.stringify(event));
    equal(event.routing_key, PAGE_KEY);
    if (event.event_action !== "trigger") continue;
    for (const field of SHAPE) ok(field in event, `${field} is missing`);
    equal(event.payload?.severity, "critical");
    ok(
      broken.some(
        ({ job }) => event.payload?.source === job && event.payload.summary.startsWith(`${job}: `),
      ),
    );
    ok(
      JSON.stringify(event.payload?.custom_details).includes(
        "docs/operations/runbooks/pages.md#lyftr",
      ),
    );
  }
}

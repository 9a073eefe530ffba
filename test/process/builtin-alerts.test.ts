import { deepEqual, equal, match, ok } from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { scrape } from "../support/client.ts";
import { fakeChat } from "../support/fake-chat.ts";
import { type FakePagerDuty, fakePagerDuty } from "../support/fake-pagerduty.ts";
import { freshDatabase } from "../support/postgres.ts";
import { ownServer, unlessOwnServer } from "../support/postgres-server.ts";
import { type LyftrProcess, serve } from "../support/process.ts";
import { body, post } from "../support/service.ts";
import { otherUserOf } from "../support/tested-store.ts";

const ROUTING_KEY = "R".repeat(32);
/** From the fault to the page, and from the repair to its end. */
const TOLD_MS_MAX = 90_000;
/** Longer than the time after which a lasting fault pages. */
const QUIET_MS = 50_000;
/** Within which each process evaluates a few more times. */
const AFTERWARDS_MS = 15_000;

/** A folder for one test. */
function folder(): { readonly path: string; readonly [Symbol.dispose]: () => void } {
  const path = mkdtempSync(join(tmpdir(), "lyftr-alerts-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true }) };
}

/** Settings that notify these targets, and cause no other fault. */
function telling(
  pagerduty: FakePagerDuty,
  env: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  return { PAGERDUTY_ROUTING_KEY: ROUTING_KEY, PAGERDUTY_URL: pagerduty.url, ...env };
}

/** Resolves when the notice for this target is stored in the database. */
async function untilStored(path: string, target: string): Promise<void> {
  using db = new DatabaseSync(path, { readOnly: true });
  const notice = db.prepare(
    "SELECT 1 FROM alert_notices WHERE target = ? AND firing = 1 AND rule <> 'at_work'",
  );
  for (
    const deadlineMs = Date.now() + TOLD_MS_MAX;
    notice.get(target) === undefined;
    await setTimeout(20)
  )
    ok(Date.now() < deadlineMs, `no notice for ${target} was stored`);
}

/** A webhook every half second, until stopped. */
async function sendAllTheTime(
  url: string,
  statuses: Map<number, number>,
  signal: AbortSignal,
): Promise<void> {
  for (let sent = 0; !signal.aborted; sent++) {
    const { status } = await post(url, body({ message_id: `m${sent}` }));
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
    await setTimeout(500, undefined, { signal }).catch(() => undefined);
  }
}

const summaries = (pagerduty: FakePagerDuty) => pagerduty.incidents().map(({ summary }) => summary);

function saysNothingSecret(lyftr: LyftrProcess, ...secrets: readonly string[]): void {
  for (const secret of [ROUTING_KEY, ...secrets]) {
    ok(!lyftr.stdout().includes(secret));
    ok(!lyftr.stderr().includes(secret));
  }
}

// Each waits most of the time, so they run concurrently.
describe("built-in alerts of real processes", { concurrency: true }, () => {
  test("a database that hangs pages once, although two replicas see it, and resolves once when it is repaired", {
    skip: unlessOwnServer(),
  }, async (t) => {
    await using pagerduty = await fakePagerDuty();
    await using chat = await fakeChat();
    await using database = await ownServer();
    using cwd = folder();
    const env = telling(pagerduty, { ALERT_WEBHOOK_URL: chat.url, DATABASE_URL: database.url });
    await using first = await serve({ env, cwd: cwd.path });
    await using second = await serve({ env, cwd: cwd.path });
    await setTimeout(6_000);
    const brokenMs = Date.now();
    database.freeze();
    await pagerduty.until(() => pagerduty.open().length === 1, TOLD_MS_MAX);
    const pagedMs = Date.now();
    // The other replica has had time to send too.
    await pagerduty.until(() => (pagerduty.open()[0]?.triggers ?? 0) >= 2, 30_000);
    database.thaw();
    const mendedMs = Date.now();
    await pagerduty.until(() => pagerduty.open().length === 0, TOLD_MS_MAX);
    t.diagnostic(
      `paged after ${pagedMs - brokenMs} ms, resolved after ${Date.now() - mendedMs} ms`,
    );
    await pagerduty.until(() => chat.texts.length === 2, 10_000);
    await setTimeout(AFTERWARDS_MS);
    match(summaries(pagerduty).join("\n"), /^Lyftr: \S+ cannot take messages: database not ready$/);
    equal(chat.texts.length, 2, chat.texts.join("\n"));
    match(chat.texts[0] ?? "", /critical:\* \S+ cannot take messages: database not ready/);
    match(chat.texts[1] ?? "", /^\*Lyftr, over:\* \S+ cannot take messages/);
    for (const lyftr of [first, second]) saysNothingSecret(lyftr, new URL(chat.url).pathname);
  });

  test("a database that another program locks pages for the errors of real webhooks, and resolves when it is free", async (t) => {
    await using pagerduty = await fakePagerDuty();
    using cwd = folder();
    const databaseUrl = `sqlite:///${cwd.path}/app.db`;
    await using lyftr = await serve({
      env: telling(pagerduty, { DATABASE_URL: databaseUrl }),
      cwd: cwd.path,
    });
    await using other = await otherUserOf(databaseUrl);
    const stopping = new AbortController();
    const statuses = new Map<number, number>();
    const sending = sendAllTheTime(lyftr.url, statuses, stopping.signal);
    await setTimeout(6_000);
    const brokenMs = Date.now();
    await other.lockWrites();
    await pagerduty.until(() => pagerduty.open().length > 0, TOLD_MS_MAX);
    const pagedMs = Date.now();
    await other.unlockWrites();
    await pagerduty.until(() => pagerduty.open().length === 0, TOLD_MS_MAX);
    t.diagnostic(`paged after ${pagedMs - brokenMs} ms, resolved after ${Date.now() - pagedMs} ms`);
    stopping.abort();
    await sending;
    match(
      summaries(pagerduty)[0] ?? "",
      /^Lyftr: \S+ \d+ % of the webhooks of the last minute were answered with 5xx$/,
    );
    deepEqual(
      pagerduty.incidents().map(({ triggers }) => triggers),
      [1],
    );
    ok((statuses.get(200) ?? 0) > 0 && (statuses.get(503) ?? 0) > 0, JSON.stringify([...statuses]));
    const metrics = await scrape(lyftr);
    match(metrics, /^alert_notifications_total\{target="pagerduty",result="sent"\} [1-9]/m);
    match(metrics, /^alerts_firing\{rule="error_ratio"\} 0$/m);
  });

  test("of several workers one sends, and the metrics are those of all", {
    skip: unlessOwnServer(),
  }, async () => {
    await using pagerduty = await fakePagerDuty();
    await using chat = await fakeChat();
    await using database = await freshDatabase();
    using cwd = folder();
    const env = telling(pagerduty, {
      ALERT_WEBHOOK_URL: chat.url,
      DATABASE_URL: database.url,
      WORKERS: "2",
    });
    await using lyftr = await serve({ env: { ...env, WEBHOOK_SECRET: "" }, cwd: cwd.path });
    await pagerduty.until(
      () => pagerduty.open().length === 1 && chat.texts.length === 1,
      TOLD_MS_MAX,
    );
    await setTimeout(AFTERWARDS_MS);
    deepEqual([pagerduty.open()[0]?.triggers, chat.texts.length], [1, 1]);
    const metrics = await scrape(lyftr);
    match(metrics, /^alerts_firing\{rule="not_ready"\} 1$/m);
    match(metrics, /^alert_notifications_total\{target="webhook",result="sent"\} 1$/m);
    lyftr.child.kill("SIGTERM");
    equal(await lyftr.ended, 0);
  });

  test("killed while an alert fires and restarted, it does not page a second time, and resolves the alert after the repair", async () => {
    await using pagerduty = await fakePagerDuty();
    await using chat = await fakeChat();
    using cwd = folder();
    const env = telling(pagerduty, {
      ALERT_WEBHOOK_URL: chat.url,
      DATABASE_URL: `sqlite:///${cwd.path}/app.db`,
    });
    // It arrives although the endpoint is down at first.
    pagerduty.answer(500);
    await using first = await serve({ env: { ...env, WEBHOOK_SECRET: "" }, cwd: cwd.path });
    await pagerduty.until(() => pagerduty.received.length === 2, TOLD_MS_MAX);
    pagerduty.answer(202);
    await pagerduty.until(
      () => pagerduty.open().length === 1 && chat.texts.length === 1,
      TOLD_MS_MAX,
    );
    await untilStored(join(cwd.path, "app.db"), "pagerduty");
    first.child.kill("SIGKILL");
    await first.ended;
    const told = pagerduty.received.length;
    await using second = await serve({ env: { ...env, WEBHOOK_SECRET: "" }, cwd: cwd.path });
    await setTimeout(QUIET_MS);
    deepEqual([pagerduty.open().length, chat.texts.length], [1, 1]);
    equal(
      pagerduty.received.slice(told).filter(({ event }) => event.event_action === "trigger").length,
      0,
    );
    second.child.kill("SIGTERM");
    equal(await second.ended, 0);
    await using third = await serve({ env, cwd: cwd.path });
    const mendedMs = Date.now();
    await pagerduty.until(() => pagerduty.open().length === 0, TOLD_MS_MAX);
    await pagerduty.until(() => chat.texts.length === 2, 10_000);
    ok(Date.now() - mendedMs < TOLD_MS_MAX);
    deepEqual(
      pagerduty.incidents().map(({ triggers }) => triggers),
      [1],
    );
    match(
      chat.texts[1] ?? "",
      /^\*Lyftr, over:\* \S+ cannot take messages: WEBHOOK_SECRET not configured/,
    );
    for (const lyftr of [first, second, third])
      saysNothingSecret(lyftr, new URL(chat.url).pathname);
  });
});

import { deepEqual, equal, match, ok } from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { temporaryFolder } from "../support/cli.ts";
import { unlessPostgres } from "../support/postgres.ts";
import { ownServer } from "../support/postgres-server.ts";
import { type LyftrProcess, logLines, serve } from "../support/process.ts";
import { body, post } from "../support/service.ts";

const WAIT_MS_MAX = 30_000;
const SENTENCE = /^[A-Z].*[^:]\.$/;

/** The lines about the database, each with the compared fields. */
const outagesIn = (lyftr: LyftrProcess) =>
  logLines(lyftr.stdout())
    .filter(({ dependency }) => dependency === "database")
    .map(({ level, msg }) => `${level} ${msg}`);

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + WAIT_MS_MAX;
  while (!(await holds())) {
    ok(performance.now() < deadline, `${what} does not come true`);
    await setTimeout(50);
  }
}

test("when PostgreSQL becomes unavailable and comes back there is one line for each, with the reason and the duration", {
  skip: unlessPostgres(),
}, async () => {
  using folder = temporaryFolder();
  await using server = await ownServer();
  await using lyftr = await serve({ cwd: folder.path, env: { DATABASE_URL: server.url } });
  const status = async (path: string) => (await fetch(lyftr.url + path)).status;
  await server.stop();
  await until("not being ready", async () => (await status("/health/ready")) === 503);
  for (let n = 0; n < 3; n++)
    equal((await post(lyftr.url, body({ message_id: `m${n}` }))).status, 503);
  const away = await lyftr.line(({ msg }) => String(msg).startsWith("the database is unavailable"));
  match(String(away.reason), SENTENCE);
  const probe = await lyftr.line(
    ({ path, status: found }) => path === "/health/ready" && found === 503,
  );
  match(String(probe.reason), SENTENCE);
  await server.start();
  await until("being ready", async () => (await status("/health/ready")) === 200);
  const back = await lyftr.line(({ msg }) => msg === "the database is back");
  ok(Number(back.outage_ms) > 0 && Number(back.outage_ms) < WAIT_MS_MAX, String(back.outage_ms));
  equal((await post(lyftr.url, body())).status, 200);
  deepEqual(outagesIn(lyftr), [
    "ERROR the database is unavailable: webhooks get 503 and their senders retry until it is back",
    "INFO the database is back",
  ]);
});

test("a SQLite file that another process keeps locked is reported once, and its end with the next message", async () => {
  using folder = temporaryFolder();
  await using lyftr = await serve({
    cwd: folder.path,
    env: { DATABASE_URL: `sqlite:///${folder.file("app.db")}` },
  });
  equal((await post(lyftr.url, body({ message_id: "before" }))).status, 200);
  // The service itself writes at its start, so the lock may be taken for a moment.
  const other = new DatabaseSync(folder.file("app.db"), { timeout: 5_000 });
  other.exec("BEGIN IMMEDIATE");
  for (let n = 0; n < 2; n++)
    equal((await post(lyftr.url, body({ message_id: `m${n}` }))).status, 503);
  const away = await lyftr.line(({ msg }) =>
    String(msg).startsWith("the database takes no messages"),
  );
  match(String(away.reason), SENTENCE);
  // Reads work as usual.
  equal((await fetch(`${lyftr.url}/health/ready`)).status, 200);
  equal((await fetch(`${lyftr.url}/messages`)).status, 200);
  other.exec("ROLLBACK");
  other.close();
  equal((await post(lyftr.url, body({ message_id: "after" }))).status, 200);
  const back = await lyftr.line(({ msg }) => msg === "the database is back");
  ok(Number(back.outage_ms) > 0, String(back.outage_ms));
  deepEqual(outagesIn(lyftr), [
    "ERROR the database takes no messages: webhooks get 503 and their senders retry until it is back",
    "INFO the database is back",
  ]);
});

test("LOG_HEALTH=0 leaves healthy probes out of the log, and nothing else", async () => {
  using folder = temporaryFolder();
  const paths = ["/health/live", "/health/ready", "/healthz", "/livez", "/readyz"];
  const logged = async (env: Readonly<Record<string, string>>) => {
    await using lyftr = await serve({
      cwd: folder.path,
      env: { DATABASE_URL: "sqlite:///./app.db", ...env },
    });
    for (const path of [...paths, "/stats"]) await (await fetch(lyftr.url + path)).text();
    await lyftr.line(({ path }) => path === "/stats");
    return logLines(lyftr.stdout()).flatMap(({ path, status, reason }) =>
      path === undefined
        ? []
        : [[path, status, reason].filter((part) => part !== undefined).join(" ")],
    );
  };
  deepEqual(await logged({}), [...paths.map((path) => `${path} 200`), "/stats 200"]);
  deepEqual(await logged({ LOG_HEALTH: "0" }), ["/stats 200"]);
  const refusing = await logged({ LOG_HEALTH: "0", WEBHOOK_SECRET: "" });
  const reason = "No webhook secret is accepted now, so every webhook is refused.";
  deepEqual(refusing, [`/health/ready 503 ${reason}`, `/readyz 503 ${reason}`, "/stats 200"]);
});

import { deepEqual, equal, match, ok } from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { run, temporaryFolder } from "../support/cli.ts";
import { macOf, scrape, series } from "../support/client.ts";
import { freshDatabase, unlessPostgres } from "../support/postgres.ts";
import { runLyftr, serve } from "../support/process.ts";
import { body, post } from "../support/service.ts";
import { SigningSenders } from "../support/signing-senders.ts";
import { sql } from "../support/sql.ts";

const REQUESTS = Number(process.env.ROTATION_REQUESTS ?? 20_000);
const REQUESTS_ON_POSTGRES = 10_000;
const SENDERS = 64;
const MASTER_KEY = "a master key of thirty-two characters";
const WAIT_MS_MAX = 60_000;

/** Waits for what a running service does by itself. */
async function until(what: string, holds: () => Promise<boolean> | boolean): Promise<void> {
  const deadline = performance.now() + WAIT_MS_MAX;
  while (!(await holds())) {
    ok(performance.now() < deadline, `${what} does not come true`);
    await setTimeout(20);
  }
}

async function figures(urls: readonly string[]): Promise<Record<string, number>> {
  const sums: Record<string, number> = {};
  for (const url of urls) {
    for (const [name, value] of series(await scrape({ url }))) {
      const key = /^webhook_signature_key_total\{key="(.*)"\}$/.exec(name)?.[1];
      if (key !== undefined) sums[key] = (sums[key] ?? 0) + value;
    }
  }
  return sums;
}

const knows = async (url: string, name: string) => Object.hasOwn(await figures([url]), name);

interface Rotation {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly urls: readonly string[];
  readonly summer: string;
  readonly requests: number;
}

/**
 * Changes the secret of senders that keep sending. Resolves with the new one and the number of sent
 * messages.
 */
async function rotate({
  cwd,
  env,
  urls,
  summer,
  requests,
}: Rotation): Promise<{ autumn: string; sent: number }> {
  const senders = new SigningSenders(urls, { senders: SENDERS, secret: summer });
  await until("the load", () => senders.sent > requests / 20);
  const added = await run(["secrets", "add", "autumn"], { cwd, env });
  equal(added.code, 0, added.stderr);
  const autumn = added.stdout.trim();
  for (const url of urls) await until("the new secret", () => knows(url, "autumn"));
  senders.switchTo(autumn, requests / SENDERS / 4);
  await until("all having switched", () => senders.stillWith(summer) === 0);
  const sentBefore = senders.sent;
  // It verified a message a moment ago, and its senders are known to use the new one.
  match(
    (await run(["secrets", "retire", "summer"], { cwd, env })).stderr,
    /The answer of lyftr secrets list: no: it verified a message/,
  );
  equal((await run(["secrets", "retire", "summer", "--force"], { cwd, env })).code, 0);
  for (const url of urls)
    await until("the old secret's end", async () => (await withSecret(url, summer)) === 401);
  await until("load after the end", () => senders.sent > sentBefore + requests / 20);
  await senders.stopAfter(requests);
  deepEqual([...senders.statuses], [[200, senders.sent]]);
  const { summer: before = 0, autumn: after = 0 } = await figures(urls);
  ok(before > 0 && after > 0);
  return { autumn, sent: senders.sent };
}

async function withSecret(url: string, secret: string): Promise<number> {
  const payload = body({ message_id: "probe" });
  return (await post(url, payload, { "x-signature": macOf(payload, secret) })).status;
}

test(`of ${REQUESTS} webhooks during a rotation under load none is refused, and no file or log contains the secrets`, {
  timeout: 600_000,
}, async (t) => {
  using folder = temporaryFolder();
  const env = { DATABASE_URL: "sqlite:///./app.db", MASTER_KEY, WEBHOOK_SECRET: "" };
  const options = { cwd: folder.path, env };
  equal((await run(["migrate"], options)).code, 0);
  const summer = (await run(["secrets", "add", "summer"], options)).stdout.trim();
  match(summer, /^[0-9a-f]{64}$/);
  await using lyftr = await serve(options);
  const startMs = performance.now();
  const { autumn, sent } = await rotate({
    ...options,
    urls: [lyftr.url],
    summer,
    requests: REQUESTS,
  });
  t.diagnostic(`${sent} webhooks in ${Math.round((performance.now() - startMs) / 1_000)} s`);
  const secrets = [summer, autumn, MASTER_KEY];
  isNowhere(secrets, folder.path);
  lyftr.child.kill("SIGTERM");
  equal(await lyftr.ended, 0);
  isNowhere(secrets, folder.path);
  for (const secret of secrets)
    equal(lyftr.stdout().includes(secret) || lyftr.stderr().includes(secret), false);
  match(
    (await run(["secrets", "list"], options)).stdout,
    /^autumn +database .* no: it is the only one/m,
  );
});

function isNowhere(secrets: readonly string[], folder: string): void {
  const files = readdirSync(folder);
  ok(files.includes("app.db"));
  for (const file of files) {
    const bytes = readFileSync(`${folder}/${file}`);
    for (const secret of secrets) equal(bytes.includes(secret), false, file);
  }
}

test("two replicas on PostgreSQL during a rotation under load: none refused, and both know the last use of both", {
  skip: unlessPostgres(),
  timeout: 600_000,
}, async () => {
  using folder = temporaryFolder();
  await using database = await freshDatabase();
  const env = { DATABASE_URL: database.url, MASTER_KEY, WEBHOOK_SECRET: "" };
  const options = { cwd: folder.path, env };
  equal((await run(["migrate"], options)).code, 0);
  const summer = (await run(["secrets", "add", "summer"], options)).stdout.trim();
  await using first = await serve(options);
  await using second = await serve(options);
  const urls = [first.url, second.url];
  const { sent } = await rotate({ ...options, urls, summer, requests: REQUESTS_ON_POSTGRES });
  const { summer: before = 0, autumn: after = 0 } = await figures(urls);
  // The probes for the end got 200 until it came.
  ok(before + after >= sent);
  for (const lyftr of [first, second]) {
    lyftr.child.kill("SIGTERM");
    equal(await lyftr.ended, 0);
  }
  const rows = await sql(database.url, "SELECT last_verified_at FROM secret_uses");
  equal(rows.length, 2);
  for (const { last_verified_at } of rows)
    ok(Date.now() - Date.parse(String(last_verified_at)) < 600_000);
  const [{ sealed } = { sealed: "" }] = await sql(
    database.url,
    "SELECT sealed FROM webhook_secrets",
  );
  match(String(sealed), /^v1\.[A-Za-z0-9_-]+$/);
});

test("a secret of the database that the master key does not open stops the start, named; a later one is logged once", async () => {
  using folder = temporaryFolder();
  const env = { DATABASE_URL: "sqlite:///./app.db", WEBHOOK_SECRET: "testsecret" };
  const options = (more: Readonly<Record<string, string>>) => ({
    cwd: folder.path,
    env: { ...env, ...more },
  });
  const other = options({ MASTER_KEY: "another master key, which is long too" });
  equal((await run(["migrate"], options({}))).code, 0);
  equal((await run(["secrets", "add", "partner"], options({ MASTER_KEY }))).code, 0);
  for (const [wrong, said] of [
    [
      options({}),
      /MASTER_KEY is not set, and webhook secrets .*: partner\..*lyftr secrets retire NAME/,
    ],
    [other, /MASTER_KEY is not the one .*: partner\..*lyftr secrets retire NAME/],
  ] as const) {
    await using refused = runLyftr(["serve"], {
      ...wrong,
      env: { ...wrong.env, HOST: "127.0.0.1", PORT: "0" },
    });
    equal(await refused.ended, 2);
    match(refused.stderr(), said);
  }
  const foreign = await run(["secrets", "add", "more"], other);
  deepEqual([foreign.code, foreign.stdout], [2, ""]);
  match(foreign.stderr, /not the one .*: partner/);
  equal((await run(["secrets", "retire", "partner"], options({}))).code, 0);
  await using lyftr = await serve(other);
  equal((await run(["secrets", "add", "good"], other)).code, 0);
  await until("the good secret", () => knows(lyftr.url, "good"));
  equal((await run(["secrets", "retire", "good", "--force"], other)).code, 0);
  equal((await run(["secrets", "add", "bad"], options({ MASTER_KEY }))).code, 0);
  const line = await lyftr.line(({ level }) => level === "ERROR");
  deepEqual(
    [line.msg, line.name],
    ["a webhook secret of the database is not encrypted with MASTER_KEY", "bad"],
  );
  equal(await knows(lyftr.url, "bad"), false);
  // After several reloads it is still one line, and the others still work.
  await setTimeout(5_000);
  equal(lyftr.stdout().split('"level":"ERROR"').length, 2);
  equal((await post(lyftr.url, body())).status, 200);
});

import { deepEqual, equal, match, ok } from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { KEY_PATTERN } from "../../src/domain/api-key.ts";
import { bearer } from "../support/api-keys.ts";
import { run, temporaryFolder } from "../support/cli.ts";
import { type LyftrProcess, runLyftr } from "../support/process.ts";

const DAY_MS = 24 * 60 * 60_000;

/** Resolves once the command has printed this. */
async function said(
  lyftr: LyftrProcess,
  stream: "stdout" | "stderr",
  what: RegExp,
): Promise<RegExpExecArray> {
  const deadline = AbortSignal.timeout(240_000);
  for (;;) {
    const found = what.exec(lyftr[stream]());
    if (found !== null) return found;
    equal(lyftr.child.exitCode, null, lyftr.stderr());
    await once(lyftr.child[stream] as NodeJS.EventEmitter, "data", { signal: deadline });
  }
}

interface ListedMessage {
  readonly ts: string;
  readonly created_at: string;
}

/** How long after it was sent a message was received. */
function lagMs({ ts, created_at: at }: ListedMessage): number {
  return Date.parse(at) - Date.parse(ts);
}

async function totalAt(url: string): Promise<number> {
  const stats = (await (await fetch(`${url}/stats`)).json()) as { total_messages: number };
  return stats.total_messages;
}

test("a demonstration shows every outcome, serves until SIGTERM, and leaves nothing behind", async () => {
  using folder = temporaryFolder();
  mkdirSync(folder.file("tmp"));
  // A database and a secret of the environment are not touched.
  const env = {
    PORT: "0",
    TMPDIR: folder.file("tmp"),
    DATABASE_URL: "sqlite:///./mine.db",
    WEBHOOK_SECRET: "mine",
  };
  await using lyftr = runLyftr(["demo", "--messages", "200"], { cwd: folder.path, env });
  const [, url = ""] = await said(
    lyftr,
    "stdout",
    /Look around:\n {2}(http:\/\/127\.0\.0\.1:[0-9]+)\/docs\n.*Ctrl-C stops the service/s,
  );
  const report = lyftr.stdout();
  match(report, /^ +60 {2}created /m);
  for (const outcome of ["duplicate", "conflict", "invalid_signature", "validation_error"]) {
    match(report, new RegExp(`^ +[1-9][0-9]* {2}${outcome} `, "m"));
  }
  ok((await totalAt(url)) >= 200);
  const curl = report.slice(report.indexOf("curl "), report.indexOf("\n\nFrom now on"));
  equal(execFileSync("sh", ["-c", curl], { encoding: "utf8" }), '{"status":"ok"}');

  lyftr.child.kill("SIGTERM");
  equal(await lyftr.ended, 0);
  equal(
    lyftr.stderr(),
    `Storing 140 messages before the service starts\nThe service runs at ${url}\n`,
  );
  equal(readdirSync(folder.file("tmp")).length, 0);
  ok(!readdirSync(folder.path).includes("mine.db"));
});

test("a demonstration makes an admin key, leaves reading open, and continues to send a message or two a second", async () => {
  using folder = temporaryFolder();
  await using lyftr = runLyftr(["demo", "--messages", "1"], {
    cwd: folder.path,
    env: { PORT: "0", TMPDIR: folder.path },
  });
  const [, url = "", key = ""] = await said(
    lyftr,
    "stdout",
    /^Dashboard: (http:\/\/127\.0\.0\.1:[0-9]+)\/ui\/#\/sign-in\?key=(lyftr_[A-Za-z0-9_-]{49})$[\s\S]*Ctrl-C/m,
  );
  match(key, new RegExp(KEY_PATTERN));
  const keys = await fetch(`${url}/keys`, { headers: bearer(key) });
  const { data } = (await keys.json()) as { data: readonly { name: string; scope: string }[] };
  deepEqual(
    data.map(({ name, scope }) => [name, scope]),
    [["demo", "admin"]],
  );
  equal((await fetch(`${url}/keys`)).status, 401);
  const secret = await fetch(`${url}/secrets`, {
    method: "POST",
    headers: { ...bearer(key), "content-type": "application/json" },
    body: JSON.stringify({ name: "autumn" }),
  });
  equal(secret.status, 201, await secret.text());
  const overview = (await (await fetch(`${url}/overview`)).json()) as { read: string };
  equal(overview.read, "open");
  const [startMs, before] = [performance.now(), await totalAt(url)];
  const deadline = AbortSignal.timeout(20_000);
  let total = before;
  while (total < before + 4) {
    deadline.throwIfAborted();
    await sleep(50);
    total = await totalAt(url);
  }
  // Two a second at most; the first of them may have been due already.
  ok(performance.now() - startMs >= 1_400, `${total - before} too early`);
  const newest = (await (await fetch(`${url}/messages?limit=1&order=desc`)).json()) as {
    data: readonly ListedMessage[];
  };
  ok(newest.data.every((message) => lagMs(message) >= 0 && lagMs(message) < 10_000));
  lyftr.child.kill("SIGTERM");
  equal(await lyftr.ended, 0);
  equal(readdirSync(folder.path).length, 0);
});

test("messages of days before are in the database before the service starts, so none is late", async () => {
  using folder = temporaryFolder();
  await using lyftr = runLyftr(["demo", "--messages", "500"], {
    cwd: folder.path,
    env: { PORT: "0", TMPDIR: folder.path },
  });
  const [, url = ""] = await said(
    lyftr,
    "stdout",
    /Look around:\n {2}(http:\/\/127\.0\.0\.1:[0-9]+)\/docs\n/,
  );
  const report = lyftr.stdout();
  match(report, /^440 messages stored before the start in [0-9.]+ s, [0-9]+\/s/m);
  match(report, /^ +60 {2}created /m);
  equal(
    lyftr.stderr(),
    `Storing 440 messages before the service starts\nThe service runs at ${url}\n`,
  );
  const list = async (order: "asc" | "desc") => {
    const answer = await fetch(`${url}/messages?limit=100&order=${order}`);
    return ((await answer.json()) as { data: readonly ListedMessage[] }).data;
  };
  const data = [...(await list("asc")), ...(await list("desc"))];
  const sentMs = data.map(({ ts }) => Date.parse(ts));
  ok(Math.max(...sentMs) - Math.min(...sentMs) > 4 * DAY_MS, "the messages are of some days");
  ok((await totalAt(url)) >= 500);
  // A service that is busy may take some seconds to receive the last ones.
  deepEqual(
    data.filter((message) => lagMs(message) < 0 || lagMs(message) > 50_000),
    [],
  );
  lyftr.child.kill("SIGTERM");
  equal(await lyftr.ended, 0);
  equal(readdirSync(folder.path).length, 0);
});

test("a demonstration that is interrupted before the service starts ends at once and leaves nothing behind", async () => {
  using folder = temporaryFolder();
  await using lyftr = runLyftr(["demo", "--messages", "20000000"], {
    cwd: folder.path,
    env: { PORT: "0", TMPDIR: folder.path },
  });
  await said(lyftr, "stderr", /Storing 19999940 messages/);
  lyftr.child.kill("SIGINT");
  equal(await lyftr.ended, 0);
  equal(lyftr.stdout(), "");
  equal(lyftr.stderr(), "Storing 19999940 messages before the service starts\n");
  equal(readdirSync(folder.path).length, 0);
});

test("a demonstration that is interrupted after the service started ends and leaves nothing behind", async () => {
  using folder = temporaryFolder();
  await using lyftr = runLyftr(["demo", "--messages", "60"], {
    cwd: folder.path,
    env: { PORT: "0", TMPDIR: folder.path },
  });
  await said(lyftr, "stderr", /The service runs at/);
  lyftr.child.kill("SIGINT");
  equal(await lyftr.ended, 0, lyftr.stderr());
  equal(readdirSync(folder.path).length, 0);
});

test("a demonstration says which port is taken, and leaves nothing behind", async () => {
  using folder = temporaryFolder();
  const other = createServer().listen(0, "127.0.0.1");
  await once(other, "listening");
  const { port } = other.address() as AddressInfo;
  const { code, stderr } = await run(["demo", "--messages", "500"], {
    cwd: folder.path,
    env: { PORT: String(port), TMPDIR: folder.path },
  });
  other.close();
  equal(
    stderr,
    `Port ${port} is taken. Stop the program that listens there, or choose another port: PORT=8001\n`,
  );
  equal(code, 1);
  equal(readdirSync(folder.path).length, 0);
});

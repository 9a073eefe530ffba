import { deepEqual, equal, match, ok } from "node:assert/strict";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { test } from "node:test";
import { isKey } from "../../src/domain/api-key.ts";
import { bearer } from "../support/api-keys.ts";
import { hasStackTrace, run, temporaryFolder } from "../support/cli.ts";
import { runLyftr, serve } from "../support/process.ts";
import { untilAnswered } from "../support/revocation.ts";

const KNOWN_MS_MAX = 5_000;
const env = { DATABASE_URL: "sqlite:///./data/app.db" };

/** `lyftr` in a folder. */
function lyftrIn(folder: ReturnType<typeof temporaryFolder>) {
  const lyftr = (...args: string[]) => run(args, { cwd: folder.path, env });
  const create = async (name: string, ...args: string[]) => {
    const { code, stdout, stderr } = await lyftr("keys", "create", "--name", name, ...args);
    equal(code, 0, stderr);
    return stdout.trim();
  };
  return { lyftr, create };
}

test("a key is written alone to standard output", async () => {
  using folder = temporaryFolder();
  const { lyftr } = lyftrIn(folder);
  await lyftr("migrate");
  const { code, stdout, stderr } = await lyftr(
    "keys",
    "create",
    "--name",
    "ops",
    "--scope",
    "admin",
    "--expires",
    "90d",
  );
  equal(code, 0);
  ok(isKey(stdout.replace(/\n$/, "")), stdout);
  match(
    stderr,
    /Created the admin key "ops"\. It expires at 2[0-9-]+T[0-9:.]+Z\.\nIt is shown only now/,
  );
  ok(!stderr.includes(stdout.trim()));
  equal(statSync(folder.file("data/app.db")).mode & 0o777, 0o600);
  const list = await lyftr("keys", "list");
  match(
    list.stdout,
    /^NAME {2}SCOPE {2}STATE +KEY +CREATED +LAST USED {2}ID\nops {3}admin {2}live until 2\S+ {2}lyftr_\S{4}… .* never +\S{36}\n$/,
  );
  ok(!list.stdout.includes(stdout.trim().slice(10)));
});

test("keys are rotated and revoked by name, and every change is in the audit", async () => {
  using folder = temporaryFolder();
  const { lyftr, create } = lyftrIn(folder);
  await lyftr("migrate");
  const first = await create("reports", "--scope", "read");
  const rotated = await lyftr("keys", "rotate", "reports", "--overlap", "2h");
  ok(isKey(rotated.stdout.trim()) && rotated.stdout.trim() !== first);
  match(rotated.stderr, /The old one is accepted until 2\S+Z\. It does not expire\./);
  const third = await lyftr("keys", "rotate", "reports");
  deepEqual([third.code, third.stdout], [1, ""]);
  match(third.stderr, /Two live keys have the name reports\. Revoke one by its id/);
  const again = await lyftr("keys", "create", "--name", "reports", "--scope", "read");
  deepEqual([again.code, again.stdout], [1, ""]);
  match(again.stderr, /A live key has the name reports\. Rotate it: lyftr keys rotate reports/);
  const revoked = await lyftr("keys", "revoke", "reports");
  equal(revoked.stderr.match(/^Revoked reports \(\S{36}\)\.$/gm)?.length, 2, revoked.stderr);
  match((await lyftr("keys", "revoke", "reports")).stderr, /reports was revoked already/);
  const ended = await lyftr("keys", "rotate", "reports");
  deepEqual([ended.code, /No live key has the name reports/.test(ended.stderr)], [1, true]);
  await create("other", "--scope", "read");
  const atOnce = await lyftr("keys", "rotate", "other", "--overlap", "0");
  match(atOnce.stderr, /The old one has ended/);
  const list = (await lyftr("keys", "list")).stdout;
  deepEqual(list.match(/ (revoked|ended|live)/g), [" revoked", " revoked", " ended", " live"]);
  const [, id = ""] = /live .* (\S{36})\n$/.exec(list) ?? [];
  match((await lyftr("keys", "revoke", id)).stderr, new RegExp(`Revoked other \\(${id}\\)`));
  const audit = (await lyftr("audit")).stdout;
  deepEqual(
    audit.match(/cli {2}key\.\S+ +\S+/g)?.map((told) => told.replace(/ +/g, " ")),
    [
      "cli key.revoked other",
      "cli key.rotated other",
      "cli key.created other",
      "cli key.revoked reports",
      "cli key.rotated reports",
      "cli key.created reports",
    ],
  );
  equal((await lyftr("audit", "--limit", "2")).stdout.split("\n").length, 4);
});

test("missing keys are reported, and not created", async () => {
  using folder = temporaryFolder();
  const { lyftr, create } = lyftrIn(folder);
  const creation = ["keys", "create", "--name", "a", "--scope", "read"];
  for (const args of [
    creation,
    ["keys", "list"],
    ["keys", "rotate", "a"],
    ["keys", "revoke", "a"],
    ["audit"],
  ]) {
    const { code, stdout, stderr } = await lyftr(...args);
    deepEqual([code, stdout], [1, ""], args.join(" "));
    match(
      stderr,
      /There is no database: \.\/data\/app\.db \(DATABASE_URL\) does not exist\.\nlyftr migrate creates it/,
    );
  }
  deepEqual(readdirSync(folder.path), []);
  await lyftr("migrate");
  await create("a", "--scope", "read");
  const unknown = await lyftr("keys", "revoke", "b");
  equal(unknown.code, 1);
  match(unknown.stderr, /No key has the name or the id b/);
  ok(!hasStackTrace(unknown.stderr));
});

test("READ_AUTH=required refuses a start without a live key, and says how to make one", async () => {
  using folder = temporaryFolder();
  const { lyftr, create } = lyftrIn(folder);
  const required = {
    ...env,
    READ_AUTH: "required",
    WEBHOOK_SECRET: "testsecret",
    HOST: "127.0.0.1",
    PORT: "0",
  };
  const refused = async () => {
    const { code, stderr, stdout } = await run(["serve"], { cwd: folder.path, env: required });
    equal(code, 2, stdout);
    match(stderr, /no valid API key: create one with lyftr keys create/);
    ok(!hasStackTrace(stderr));
  };
  await refused();
  await lyftr("migrate");
  await create("brief", "--scope", "read", "--expires", "1ms");
  await create("gone", "--scope", "read");
  await lyftr("keys", "revoke", "gone");
  await refused();
  const key = await create("ops", "--scope", "read");
  await using lyftr2 = await serve({ cwd: folder.path, env: required });
  equal((await fetch(`${lyftr2.url}/stats`)).status, 401);
  equal((await fetch(`${lyftr2.url}/stats`, { headers: bearer(key) })).status, 200);
  await using byEnvironment = runLyftr(["serve"], {
    cwd: folder.path,
    env: { ...required, DATABASE_URL: "sqlite:///./other.db", ADMIN_API_KEY: "x".repeat(32) },
  });
  await byEnvironment.line(({ msg }) => msg === "listening");
});

test("a running service closes with the first key, and refuses within 5 s what another process revokes", async (t) => {
  using folder = temporaryFolder();
  const { lyftr, create } = lyftrIn(folder);
  await using service = await serve({ cwd: folder.path, env });
  const open = await fetch(`${service.url}/stats`);
  deepEqual([open.status, open.headers.get("x-read-auth")], [200, "open"]);
  const first = await create("first", "--scope", "read");
  t.diagnostic(
    `closed after ${Math.round(await untilAnswered(service.url, "no-key", 401, KNOWN_MS_MAX))} ms`,
  );
  equal((await fetch(`${service.url}/stats`, { headers: bearer(first) })).status, 200);
  for (let round = 0; round < 3; round++) {
    const key = await create(`k${round}`, "--scope", "read");
    await untilAnswered(service.url, key, 200, KNOWN_MS_MAX);
    equal((await lyftr("keys", "revoke", `k${round}`)).code, 0);
    t.diagnostic(
      `refused after ${Math.round(await untilAnswered(service.url, key, 401, KNOWN_MS_MAX))} ms`,
    );
  }
  await lyftr("keys", "revoke", "first");
  await untilAnswered(service.url, first, 401, KNOWN_MS_MAX);
  equal((await fetch(`${service.url}/stats`)).status, 401, "it does not open again");
  service.child.kill("SIGTERM");
  equal(await service.ended, 0);
  match(
    (await lyftr("keys", "list")).stdout,
    /^first .* 2\S+Z +2\S+Z +\S{36}$/m,
    "the last use was noted at the end",
  );
  const written = [service.stdout(), service.stderr()].join("");
  const files = readdirSync(folder.file("data")).map((name) =>
    readFileSync(folder.file(`data/${name}`)),
  );
  ok(
    files.some((bytes) => bytes.includes(first.slice(0, 10))),
    "the hint",
  );
  ok(
    !files.some((bytes) => bytes.includes(first.slice(6))) && !written.includes(first.slice(6)),
    "not the key",
  );
});

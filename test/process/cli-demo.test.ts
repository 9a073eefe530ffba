import { equal, match, ok } from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { test } from "node:test";
import { run, temporaryFolder } from "../support/cli.ts";
import { type LyftrProcess, runLyftr } from "../support/process.ts";

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
  match(report, /^ +200 {2}created /m);
  for (const outcome of ["duplicate", "conflict", "invalid_signature", "validation_error"]) {
    match(report, new RegExp(`^ +[1-9][0-9]* {2}${outcome} `, "m"));
  }
  const stats = (await (await fetch(`${url}/stats`)).json()) as { total_messages: number };
  equal(stats.total_messages, 200);
  const curl = report.slice(report.indexOf("curl "), report.indexOf("\n\nThe log is"));
  equal(execFileSync("sh", ["-c", curl], { encoding: "utf8" }), '{"status":"ok"}');

  lyftr.child.kill("SIGTERM");
  equal(await lyftr.ended, 0);
  equal(lyftr.stderr(), `The service runs at ${url}\n`);
  equal(readdirSync(folder.file("tmp")).length, 0);
  ok(!readdirSync(folder.path).includes("mine.db"));
});

test("messages beyond 20,000 are in the database before the service starts, and the report says so", async () => {
  using folder = temporaryFolder();
  await using lyftr = runLyftr(["demo", "--messages", "20500"], {
    cwd: folder.path,
    env: { PORT: "0", TMPDIR: folder.path },
  });
  const [, url = ""] = await said(
    lyftr,
    "stdout",
    /Look around:\n {2}(http:\/\/127\.0\.0\.1:[0-9]+)\/docs\n/,
  );
  const report = lyftr.stdout();
  match(report, /^500 messages stored before the start in [0-9.]+ s, [0-9]+\/s/m);
  match(report, /^ +20000 {2}created /m);
  equal(
    lyftr.stderr(),
    `Storing 500 messages before the service starts\nThe service runs at ${url}\n`,
  );
  const stats = (await (await fetch(`${url}/stats`)).json()) as { total_messages: number };
  equal(stats.total_messages, 20_500);
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
  await said(lyftr, "stderr", /Storing 19980000 messages/);
  lyftr.child.kill("SIGINT");
  equal(await lyftr.ended, 0);
  equal(lyftr.stdout(), "");
  equal(lyftr.stderr(), "Storing 19980000 messages before the service starts\n");
  equal(readdirSync(folder.path).length, 0);
});

test("a demonstration that is interrupted while it sends ends at once and leaves nothing behind", async () => {
  using folder = temporaryFolder();
  await using lyftr = runLyftr(["demo", "--messages", "20000"], {
    cwd: folder.path,
    env: { PORT: "0", TMPDIR: folder.path },
  });
  await said(lyftr, "stderr", /The service runs at/);
  lyftr.child.kill("SIGINT");
  equal(await lyftr.ended, 0);
  equal(lyftr.stdout(), "");
  equal(readdirSync(folder.path).length, 0);
});

test("a demonstration says which port is taken, and leaves nothing behind", async () => {
  using folder = temporaryFolder();
  const other = createServer().listen(0, "127.0.0.1");
  await once(other, "listening");
  const { port } = other.address() as AddressInfo;
  const { code, stderr } = await run(["demo", "--messages", "20500"], {
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

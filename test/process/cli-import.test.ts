import { deepEqual, equal, match, ok } from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { generateMessages } from "../../src/cli/sending/message-generator.ts";
import { hasStackTrace, run, temporaryFolder, valueIn } from "../support/cli.ts";
import { runLyftr, serve } from "../support/process.ts";
import { body } from "../support/service.ts";

const LINES = 20_000;
const POLL_MS = 2;
const env = { DATABASE_URL: "sqlite:///./app.db" };

function manyLines(count: number): string {
  const messages = [...generateMessages({ seed: 1, count, nowMs: Date.UTC(2025, 0, 15) })];
  return messages.map((message) => `${JSON.stringify(message)}\n`).join("");
}

/** Starts an import and resolves once its first batches are committed, long before its end. */
async function startedImport(cwd: string, progressFile: string) {
  const lyftr = runLyftr(["import", "in.ndjson"], { cwd, env });
  while (!existsSync(progressFile)) {
    equal(lyftr.child.exitCode, null, "the import ended before it could be interrupted");
    await delay(POLL_MS);
  }
  return lyftr;
}

test("an import counts new, existing, conflicting and invalid messages", async () => {
  using folder = temporaryFolder();
  const lines = [
    body({ message_id: "kept", created_at: "2024-02-29T01:02:03.456789Z" }),
    body({ message_id: "now", created_at: "yesterday" }),
    "",
    '{"message_id":"half',
    body({ message_id: "no-sender", from: undefined }),
    Buffer.from([0x22, 0xff, 0x22]),
    body({ message_id: "kept" }),
    body({ message_id: "kept", text: "other" }),
    `{"message_id":"long","text":"${"x".repeat(2_000_000)}"}`,
    body({ message_id: "last", ts: "2025-01-15T10:00Z", created_at: "2024-02-29T01:02Z" }),
  ];
  writeFileSync(
    folder.file("in.ndjson"),
    Buffer.concat(lines.flatMap((line) => [Buffer.from(line), Buffer.from("\n")])).subarray(0, -1),
  );
  const { code, stdout, stderr } = await run(["import", "in.ndjson"], { cwd: folder.path, env });
  match(stdout, /^imported {3}3\nduplicates 1\nconflicts {2}1 .*\ninvalid {4}4\n$/);
  equal(
    stderr,
    "line 4: not JSON\nline 5: from: Field required\nline 6: not UTF-8\nline 9: longer than 1048576 bytes\n",
  );
  equal(code, 1);
  const createdAt = (id: string) =>
    String(
      valueIn(folder.file("app.db"), `SELECT created_at FROM messages WHERE message_id = '${id}'`),
    );
  equal(createdAt("kept"), "2024-02-29T01:02:03.456789Z");
  equal(createdAt("last"), "2024-02-29T01:02:00Z");
  ok(Math.abs(Date.parse(createdAt("now")) - Date.now()) < 60_000);
  ok(!existsSync(folder.file("in.ndjson.lyftr-import")));
});

test("an import killed half way continues where it stopped, and every row is stored once", async () => {
  using folder = temporaryFolder();
  writeFileSync(folder.file("in.ndjson"), manyLines(LINES));
  const progressFile = folder.file("in.ndjson.lyftr-import");
  const killed = await startedImport(folder.path, progressFile);
  killed.child.kill("SIGKILL");
  equal(await killed.ended, "SIGKILL");
  const half = Number(valueIn(folder.file("app.db"), "SELECT count(*) FROM messages"));
  ok(half > 0 && half < LINES, `${half} rows when killed`);
  const place = JSON.parse(readFileSync(progressFile, "utf8")).state;
  const { code, stdout, stderr } = await run(["import", "in.ndjson"], { cwd: folder.path, env });
  equal(code, 0);
  match(stderr, new RegExp(`^Continuing after line ${place.line},`));
  // At most the batch under way at the kill is repeated.
  const [, imported = 0, duplicates = 0] = (
    /imported +([0-9]+)\nduplicates ([0-9]+)/.exec(stdout) ?? []
  ).map(Number);
  equal(imported + duplicates, LINES);
  equal(duplicates, half - place.imported);
  equal(valueIn(folder.file("app.db"), "SELECT count(*) FROM messages"), LINES);
  ok(!existsSync(progressFile));
});

test("an interrupted import ends cleanly, and starts again when its file or its database has changed by then", async () => {
  using folder = temporaryFolder();
  writeFileSync(folder.file("in.ndjson"), manyLines(LINES));
  const interrupted = await startedImport(folder.path, folder.file("in.ndjson.lyftr-import"));
  interrupted.child.kill("SIGINT");
  equal(await interrupted.ended, 1);
  match(interrupted.stderr(), /Interrupted\. Run the same command again/);
  for (const file of ["app.db", "app.db-index"])
    for (const suffix of ["", "-wal", "-shm"]) rmSync(folder.file(file + suffix), { force: true });
  const intoAnother = await run(["import", "in.ndjson"], { cwd: folder.path, env });
  match(intoAnother.stderr, /starting from the beginning/);
  match(intoAnother.stdout, new RegExp(`^imported   ${LINES}\n`));

  writeFileSync(
    folder.file("in.ndjson.lyftr-import"),
    JSON.stringify({ fingerprint: "of another file", state: { offset: 1_000 } }),
  );
  const again = await run(["import", "in.ndjson"], { cwd: folder.path, env });
  match(again.stdout, new RegExp(`^imported   0\nduplicates ${LINES}\n`));
});

test("messages are imported while the service runs, which lists them at once", async () => {
  using folder = temporaryFolder();
  await using lyftr = await serve({ cwd: folder.path, env });
  writeFileSync(folder.file("in.ndjson"), manyLines(500));
  const { code } = await run(["import", "in.ndjson"], { cwd: folder.path, env });
  equal(code, 0);
  const stats = (await (await fetch(`${lyftr.url}/stats`)).json()) as { total_messages: number };
  equal(stats.total_messages, 500);
});

test("a file that is not a database stops an import with a sentence, and stays unchanged", async () => {
  using folder = temporaryFolder();
  writeFileSync(folder.file("in.ndjson"), manyLines(10));
  const junk = "this is no database at all, and never was one".repeat(100);
  writeFileSync(folder.file("app.db"), junk);
  const { code, stderr } = await run(["import", "in.ndjson"], { cwd: folder.path, env });
  equal(code, 1);
  match(stderr, /is not a SQLite database/);
  ok(!hasStackTrace(stderr), stderr);
  equal(readFileSync(folder.file("app.db"), "utf8"), junk);
});

test("an import continues when its position cannot be saved, and says so", async () => {
  using folder = temporaryFolder();
  writeFileSync(folder.file("in.ndjson"), manyLines(10));
  mkdirSync(folder.file("in.ndjson.lyftr-import~"));
  const { code, stdout, stderr } = await run(["import", "in.ndjson"], { cwd: folder.path, env });
  match(stderr, /If this import is interrupted, it will have to start from the beginning/);
  match(stdout, /^imported {3}10\n/);
  equal(code, 0);
});

test("an import reads standard input, saves no position, and can be repeated", async () => {
  using folder = temporaryFolder();
  const input = `${manyLines(500)}{"message_id":"half\n`;
  const first = await run(["import", "-"], { cwd: folder.path, env, input });
  equal(first.code, 1, "one line is not a message");
  match(first.stdout, /^imported {3}500\nduplicates 0\nconflicts {2}0\ninvalid {4}1\n$/);
  const again = await run(["import", "-"], { cwd: folder.path, env, input: manyLines(500) });
  deepEqual(
    [again.code, /^imported {3}0\nduplicates 500\n/.test(again.stdout)],
    [0, true],
    again.stdout,
  );
  equal((await run(["import", "-"], { cwd: folder.path, env })).code, 0, "nothing at all");
  deepEqual(
    readdirSync(folder.path).filter((name) => !name.startsWith("app.db")),
    [],
  );
});

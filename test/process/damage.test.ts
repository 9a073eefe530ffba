import { deepEqual, equal, match, notEqual, ok } from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { indexMessages } from "../../src/store/sqlite/index/index-messages.ts";
import { message } from "../store/exercise.ts";
import { BIN, hasStackTrace, run, temporaryFolder, valueIn } from "../support/cli.ts";
import { scrape } from "../support/client.ts";
import { INHERITED, logLines, serve } from "../support/process.ts";
import { body, getJson, post } from "../support/service.ts";
import { SqliteParts } from "../support/sqlite-parts.ts";
import { attachStrace } from "../support/strace.ts";
import { unlessTool } from "../support/tools.ts";

const env = { DATABASE_URL: "sqlite:///./app.db", CACHE_TTL_MS: "0" };
const MESSAGES = 3_000;
const PAGE_BYTES = 4_096;
const WAIT_MS_MAX = 20_000;

type Folder = ReturnType<typeof temporaryFolder>;

/** A database with all of its messages indexed, and no log beside it. */
function filled(folder: Folder): void {
  using parts = new SqliteParts(folder.file("app.db"));
  parts.insert(
    Array.from({ length: MESSAGES }, (_, n) =>
      message(`m${n}`, {
        from: `+1${n % 40}`,
        to: "+14155550100",
        text: `text ${n} of the message`,
      }),
    ),
  );
  while (indexMessages(parts.index, MESSAGES).backlog > 0);
}

/** The page numbers of a table or an index. */
function pagesOf(path: string, name: string): readonly number[] {
  const db = new DatabaseSync(path, { readOnly: true });
  try {
    const rows = db.prepare("SELECT pageno FROM dbstat WHERE name = ? ORDER BY pageno").all(name);
    return rows.map(({ pageno }) => Number(pageno));
  } finally {
    db.close();
  }
}

/**
 * Overwrites the headers of pages of a table, except its root and its ends, which a start reads.
 */
function damage(path: string, name: string): void {
  const bytes = readFileSync(path);
  const all = pagesOf(path, name);
  const pages = all.slice(Math.ceil(all.length / 4), -Math.ceil(all.length / 4));
  ok(pages.length > 3, `${name} has too few pages`);
  for (const page of pages) bytes.fill(0xff, (page - 1) * PAGE_BYTES, (page - 1) * PAGE_BYTES + 16);
  writeFileSync(path, bytes);
}

const QUESTIONS = [
  "/messages",
  "/messages?limit=100&offset=1500",
  "/messages?order=desc",
  "/messages?from=%2B13",
  "/messages?q=text%2012",
  "/messages?to=%2B14155550100&q=of",
  "/messages/m1700",
  "/stats",
  "/stats/timeline?bucket=day",
  "/senders",
];

async function until(met: () => boolean | Promise<boolean>): Promise<void> {
  for (const deadline = performance.now() + WAIT_MS_MAX; !(await met()); ) {
    ok(performance.now() < deadline, "it never happens");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

for (const [what, table] of [
  ["the messages", "lyftr_messages"],
  ["the order of lists", "messages_by_instant"],
  ["the key of messages", "messages_key"],
] as const) {
  test(`damaged pages of ${what} get 503 with a sentence and one log line, and verify says where`, async () => {
    using folder = temporaryFolder();
    filled(folder);
    damage(folder.file("app.db"), table);
    await using lyftr = await serve({ cwd: folder.path, env });
    const log = () => logLines(lyftr.stdout());
    const refused: string[] = [];
    for (let round = 0; round < 2; round++) {
      for (const question of QUESTIONS) {
        const answer = await fetch(lyftr.url + question);
        const text = await answer.text();
        ok([200, 503].includes(answer.status), `${question}: ${answer.status} ${text}`);
        if (answer.status === 503) {
          refused.push(question);
          equal(
            text,
            '{"detail":"a part of the database is damaged: the log of the service has the details"}',
          );
        }
      }
    }
    ok(refused.length > 0, "no question met the damage");
    await until(() => log().some(({ level }) => level === "CRITICAL"));
    const critical = log().filter(({ level }) => level === "CRITICAL");
    equal(critical.length, 1);
    deepEqual(
      [critical[0]?.msg, critical[0]?.file],
      ["the database is damaged: reads of the damaged part get 503", "./app.db"],
    );
    match(String(critical[0]?.action), /lyftr verify.* keep a copy .* backup/);
    ok(!log().some(({ frames }) => frames !== undefined));
    match(await scrape(lyftr), /^database_damaged 1$/m);
    equal((await fetch(`${lyftr.url}/health/live`)).status, 200);
    const { code, stdout, stderr } = await run(["verify"], { cwd: folder.path, env });
    deepEqual([code, stderr], [1, ""]);
    match(stdout, /^damaged: app\.db: /);
    match(stdout, /The database itself is damaged\. Stop the service and keep a copy/);
  });
}

for (const table of ["messages_by_sender", "search_data"]) {
  test(`a damaged read index (${table}) is rebuilt by itself, and answers are correct again`, async () => {
    using folder = temporaryFolder();
    filled(folder);
    damage(folder.file("app.db-index"), table);
    await using lyftr = await serve({ cwd: folder.path, env });
    const statuses = new Set<number>();
    await until(async () => {
      for (const question of QUESTIONS) statuses.add((await fetch(lyftr.url + question)).status);
      return logLines(lyftr.stdout()).some(({ msg }) =>
        String(msg).startsWith("the read index was damaged"),
      );
    });
    ok(
      [...statuses].every((status) => status === 200 || status === 503),
      [...statuses].join(", "),
    );
    ok(statuses.has(503), "no question met the damage");
    for (const question of QUESTIONS)
      equal((await fetch(lyftr.url + question)).status, 200, question);
    equal((await getJson(`${lyftr.url}/messages?q=text%2012`)).total, 111);
    equal((await getJson(`${lyftr.url}/messages?from=%2B13`)).total, 75);
    equal((await post(lyftr.url, body({ message_id: "later" }))).status, 200);
    const text = await scrape(lyftr);
    match(text, /^read_index_rebuilds_total 1$/m);
    match(text, /^database_damaged 0$/m);
    ok(!logLines(lyftr.stdout()).some(({ level }) => level === "CRITICAL"));
    await until(
      () =>
        valueIn(folder.file("app.db-index"), "SELECT messages FROM index_state") === MESSAGES + 1,
    );
    const { code, stdout } = await run(["verify"], { cwd: folder.path, env });
    deepEqual([code, /nothing differs/.test(stdout)], [0, true], stdout);
  });
}

/** Makes every read of a file by another program fail. */
const failing = (path: string) => [
  "-P",
  path,
  "-e",
  "trace=pread64",
  "-e",
  "inject=pread64:error=EIO",
];

/** The result of a command whose every read of this file fails. */
function runFailing(folder: Folder, path: string, command: "serve" | "verify") {
  const traced = ["-f", "-q", "-o", "/dev/null", ...failing(path), process.execPath, BIN, command];
  return spawnSync("strace", traced, {
    cwd: folder.path,
    env: { ...INHERITED, ...env, PORT: "0" },
    encoding: "utf8",
    timeout: WAIT_MS_MAX,
  });
}

test("a disk that cannot read a part of the read index is not damage: it is reported, and the index is kept", {
  skip: unlessTool("strace"),
}, async () => {
  using folder = temporaryFolder();
  filled(folder);
  const index = folder.file("app.db-index");
  const { ino } = statSync(index);
  {
    await using lyftr = await serve({ cwd: folder.path, env });
    await using strace = await attachStrace(lyftr.child.pid ?? 0, failing(index));
    const log = () => logLines(lyftr.stdout());
    await until(async () => {
      for (const question of QUESTIONS) {
        const status = await fetch(lyftr.url + question).then(
          (answer) => answer.status,
          () => undefined,
        );
        ok([200, 503, undefined].includes(status), `${question}: ${status}`);
      }
      return log().some(({ level }) => level === "CRITICAL");
    });
    const told = JSON.stringify(log().find(({ level }) => level === "CRITICAL"));
    match(told, /I\/O error|the disk cannot read a part of the database/);
    equal(/malformed/.test(told), false, told);
    await strace.detach();
  }
  equal(statSync(index).ino, ino);
  const { status, stdout, stderr } = runFailing(folder, index, "verify");
  deepEqual([status, stdout], [1, ""]);
  match(stderr, /app\.db-index cannot be read\. The disk reports an I\/O error, .*dmesg/);
  equal(statSync(index).ino, ino);
});

test("a start whose disk cannot read the read index is refused, and keeps the index", {
  skip: unlessTool("strace"),
}, async () => {
  using folder = temporaryFolder();
  filled(folder);
  const index = folder.file("app.db-index");
  const { ino } = statSync(index);
  const { status, stdout, stderr } = runFailing(folder, index, "serve");
  notEqual(status, 0);
  match(stdout + stderr, /I\/O error/);
  equal(hasStackTrace(stderr), false);
  equal(statSync(index).ino, ino);
});

test("a damaged header is refused at the start with advice, and no stack trace", async () => {
  using folder = temporaryFolder();
  filled(folder);
  const bytes = readFileSync(folder.file("app.db"));
  bytes.fill(0xff, 0, 16);
  writeFileSync(folder.file("app.db"), bytes);
  for (const command of [["serve"], ["verify"]]) {
    const { code, stdout, stderr } = await run(command, {
      cwd: folder.path,
      env: { ...env, PORT: "0" },
    });
    equal(code, 1, command.join());
    match(stdout + stderr, /damaged/);
    equal(hasStackTrace(stderr), false);
  }
});

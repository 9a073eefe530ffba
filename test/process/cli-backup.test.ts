import { deepEqual, equal, match, ok } from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { hasStackTrace, run, temporaryFolder, valueIn } from "../support/cli.ts";
import { serve } from "../support/process.ts";
import { body, post } from "../support/service.ts";
import { NOT_OURS } from "../support/sqlite-states.ts";

const env = { DATABASE_URL: "sqlite:///./app.db" };
/** Enough pages for several steps of the copy, between which the service writes. */
const ROWS_BEFORE = 8_000;
const IDS =
  "SELECT group_concat(message_id) FROM (SELECT message_id FROM lyftr_messages WHERE message_id LIKE 'live-%' ORDER BY rowid)";

test("a backup during a load is complete: everything acknowledged before it, and no gaps", {
  timeout: 30_000,
}, async () => {
  using folder = temporaryFolder();
  const lines = Array.from({ length: ROWS_BEFORE }, (_, index) =>
    body({ message_id: `old-${index}`, text: "x".repeat(1_000) }),
  );
  writeFileSync(folder.file("in.ndjson"), lines.join("\n"));
  equal((await run(["import", "in.ndjson"], { cwd: folder.path, env })).code, 0);
  await using lyftr = await serve({ cwd: folder.path, env });

  const acknowledged: string[] = [];
  const over = new AbortController();
  const sending = (async () => {
    while (!over.signal.aborted) {
      const id = `live-${acknowledged.length}`;
      equal((await post(lyftr.url, body({ message_id: id }))).status, 200);
      acknowledged.push(id);
    }
  })();
  while (acknowledged.length < 20) await new Promise(setImmediate);
  const before = acknowledged.length;
  const backup = await run(["backup", "b.db"], { cwd: folder.path, env });
  const after = acknowledged.length;
  over.abort();
  await sending;

  equal(backup.stderr, "");
  match(backup.stdout, /^b\.db: [0-9.]+ MiB, checked\n$/);
  equal(backup.code, 0);
  equal(valueIn(folder.file("b.db"), "PRAGMA integrity_check"), "ok");
  equal(
    valueIn(folder.file("b.db"), "SELECT count(*) FROM messages WHERE message_id LIKE 'old-%'"),
    ROWS_BEFORE,
  );
  const live = String(valueIn(folder.file("b.db"), IDS)).split(",");
  // One moment: a prefix of what was sent. It may include the message under way when the backup
  // ended.
  deepEqual(live, [...acknowledged, `live-${acknowledged.length}`].slice(0, live.length));
  ok(
    live.length >= before && live.length <= after + 1,
    `${before} before, ${live.length} in the backup, ${after} after`,
  );
  ok(after > before + 5, "nothing was sent while the backup was made");
  deepEqual(
    readdirSync(folder.path).filter((name) => name.startsWith("b.db")),
    ["b.db"],
  );
});

test("a restored backup serves its messages", async () => {
  using folder = temporaryFolder();
  writeFileSync(folder.file("in.ndjson"), body());
  await run(["import", "in.ndjson"], { cwd: folder.path, env });
  equal((await run(["backup", "b.db"], { cwd: folder.path, env })).code, 0);
  await using lyftr = await serve({ cwd: folder.path, env: { DATABASE_URL: "sqlite:///./b.db" } });
  const { data } = (await (await fetch(`${lyftr.url}/messages`)).json()) as {
    data: readonly { message_id: string }[];
  };
  deepEqual(
    data.map(({ message_id }) => message_id),
    ["m1"],
  );
});

test("a backup replaces a file only with --force, and never the database", async () => {
  using folder = temporaryFolder();
  await run(["migrate"], { cwd: folder.path, env });
  writeFileSync(folder.file("b.db"), "precious");
  const backup = (...args: string[]) => run(["backup", ...args], { cwd: folder.path, env });
  const refused = await backup("b.db");
  equal(refused.code, 2);
  match(refused.stderr, /b\.db exists already\. Choose another name, or replace it with --force/);
  equal(readFileSync(folder.file("b.db"), "utf8"), "precious");

  const original = readFileSync(folder.file("app.db"));
  mkdirSync(folder.file("sub"));
  const [itself, itsLog, inUse] = await Promise.all([
    backup("--force", "sub/../app.db"),
    backup("--force", "app.db-wal"),
    inUseBackup(),
  ]);
  for (const { stderr } of [itself, itsLog]) match(stderr, /is the database itself/);
  match(inUse.stderr, /is a database that is in use/);
  deepEqual([itself.code, itsLog.code, inUse.code], [2, 2, 2]);
  ok(readFileSync(folder.file("app.db")).equals(original));

  equal((await backup("--force", "b.db")).code, 0);
  equal(valueIn(folder.file("b.db"), "SELECT count(*) FROM messages"), 0);

  async function inUseBackup() {
    writeFileSync(folder.file("used.db-wal"), "");
    return backup("used.db");
  }
});

test("a failed backup says why, and leaves nothing behind", async () => {
  using folder = temporaryFolder();
  const absent = await run(["backup", "b.db"], { cwd: folder.path, env });
  match(absent.stderr, /There is no database to back up: \.\/app\.db/);
  writeFileSync(folder.file("app.db"), "this is no database at all, and never was one".repeat(100));
  const junk = await run(["backup", "b.db"], { cwd: folder.path, env });
  match(junk.stderr, /app\.db is not a SQLite database/);
  ok(!hasStackTrace(junk.stderr), junk.stderr);
  deepEqual([absent.code, junk.code], [1, 1]);
  deepEqual(readdirSync(folder.path), ["app.db"]);
});

test("a file that is not a database of this version or an older one is not backed up and does not pass verify", async () => {
  for (const [what, [make, said]] of Object.entries(NOT_OURS)) {
    using folder = temporaryFolder();
    await make(folder.file("app.db"));
    // Databases of the older service and of older versions can be backed up before an upgrade.
    const worth = what.includes("older");
    const copied = await run(["backup", "b.db"], { cwd: folder.path, env });
    equal(copied.code, worth ? 0 : 1, `${what}: ${copied.stderr}`);
    if (!worth) match(copied.stderr, said, what);
    equal(existsSync(folder.file("b.db")), worth, what);
    const verified = await run(["verify"], { cwd: folder.path, env });
    deepEqual([verified.code, verified.stdout], [1, ""], what);
    match(verified.stderr, said, what);
    ok(!hasStackTrace(copied.stderr + verified.stderr), what);
  }
});

test("a damaged database is not accepted as a backup", async () => {
  using folder = temporaryFolder();
  writeFileSync(
    folder.file("in.ndjson"),
    Array.from({ length: 500 }, (_, index) => body({ message_id: `m${index}` })).join("\n"),
  );
  await run(["import", "in.ndjson"], { cwd: folder.path, env });
  const bytes = readFileSync(folder.file("app.db"));
  // A page in the middle; the first one, with the schema, stays readable.
  bytes.fill(0x5a, bytes.length - 8_192, bytes.length - 4_096);
  writeFileSync(folder.file("app.db"), bytes);
  const { code, stderr } = await run(["backup", "b.db"], { cwd: folder.path, env });
  match(stderr, /The backup failed/);
  equal(code, 1);
  ok(!readdirSync(folder.path).some((name) => name.startsWith("b.db")));
});

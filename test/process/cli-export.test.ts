import { deepEqual, equal, match } from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { openStore } from "../../src/store/open.ts";
import { message } from "../store/exercise.ts";
import { hasStackTrace, run, temporaryFolder, valueIn } from "../support/cli.ts";
import { OlderService } from "../support/older-service.ts";
import { serve } from "../support/process.ts";
import { body, post } from "../support/service.ts";
import { testedDatabase } from "../support/tested-store.ts";
import { unlessTool } from "../support/tools.ts";

const EXPORT = ["export", "--format", "python-sqlite"];

function said(added: number, present: number, leftOut: number): string {
  const why = leftOut === 0 ? "" : " (of other sources than POST /webhook)";
  return `added           ${added}\nalready there   ${present}\nleft out        ${leftOut}${why}\n`;
}

test("the export of a running service is a database that the older service reads and writes", {
  skip: unlessTool("python3"),
}, async () => {
  using folder = temporaryFolder();
  await using database = await testedDatabase();
  const env = { DATABASE_URL: database.url };
  await using lyftr = await serve({ cwd: folder.path, env });
  const texts = ["Hello", "", "ÜBER 100%_\\", "\u{1F600}\ufffd", "नमस्ते"];
  for (const [at, text] of texts.entries()) {
    equal((await post(lyftr.url, body({ message_id: `m${at}`, from: "+1", text }))).status, 200);
  }
  const first = await run([...EXPORT, "old.db"], { cwd: folder.path, env });
  deepEqual([first.code, first.stdout], [0, said(5, 0, 0)], first.stderr);
  const rows = [];
  using old = new DatabaseSync(folder.file("old.db"), { readOnly: true });
  for (const row of old.prepare("SELECT text FROM messages ORDER BY message_id").all())
    rows.push(row.text);
  deepEqual(rows, texts);
  await using older = new OlderService(folder.file("old.db"), {
    journalMode: "delete",
    keepsConnections: false,
  });
  equal((await older.start()).status, 200);
  deepEqual(await older.webhook("insert", "m1"), { status: 200, outcome: "duplicate" });
  deepEqual(await older.webhook("insert", "older"), { status: 200, outcome: "created" });
  equal(JSON.parse((await older.reads()).outcome)[0][0], 6);
  equal((await post(lyftr.url, body({ message_id: "later" }))).status, 200);
  const second = await run([...EXPORT, "old.db"], { cwd: folder.path, env });
  deepEqual([second.code, second.stdout], [0, said(1, 5, 0)], second.stderr);
});

test("messages of other sources are left out, and what the file has is kept", async () => {
  using folder = temporaryFolder();
  const path = folder.file("old.db");
  {
    using old = new DatabaseSync(path);
    // People made tables without a key, too.
    old.exec(`CREATE TABLE Messages (message_id TEXT, from_msisdn TEXT, to_msisdn TEXT, ts TEXT, text TEXT, created_at TEXT);
      INSERT INTO messages VALUES ('m1', '+1', '+2', '2025-01-15T10:00:00Z', 'kept', '2025-01-15T10:00:00Z')`);
  }
  await using database = await testedDatabase();
  const store = await openStore(database.url);
  const rows = Array.from({ length: 4_500 }, (_, at) =>
    message(`m${at}`, { source: at % 3 === 0 ? "other" : "native" }),
  );
  await store.insertMessages(rows);
  await store.close();
  const { code, stdout, stderr } = await run([...EXPORT, path], {
    cwd: folder.path,
    env: { DATABASE_URL: database.url },
  });
  deepEqual([code, stdout], [0, said(2_999, 1, 1_500)], stderr);
  equal(valueIn(path, "SELECT count(*) FROM messages"), 3_000);
  equal(valueIn(path, "SELECT text FROM messages WHERE message_id = 'm1'"), "kept");
});

test("a file that holds something else is refused and not touched", async () => {
  using folder = temporaryFolder();
  const url = `sqlite:///${folder.file("app.db")}`;
  await (await openStore(url)).close();
  await (await openStore(`sqlite:///${folder.file("lyftr.db")}`)).close();
  writeFileSync(folder.file("notes.txt"), "not a database\n");
  {
    using foreign = new DatabaseSync(folder.file("foreign.db"));
    foreign.exec("CREATE TABLE invoices (id INTEGER)");
  }
  const expected: readonly [string, RegExp][] = [
    ["app.db", /^app\.db is the database itself \(DATABASE_URL\)\.$/m],
    ["lyftr.db", /^lyftr\.db is a database of Lyftr: name another file\.$/m],
    [
      "notes.txt",
      /^notes\.txt holds something other than messages of the Python service: name another file\.$/m,
    ],
    ["foreign.db", /^foreign\.db holds something other than messages/m],
    ["none/old.db", /^none\/old\.db cannot be written: .*none/m],
  ];
  for (const [file, reason] of expected) {
    const { code, stdout, stderr } = await run([...EXPORT, file], {
      cwd: folder.path,
      env: { DATABASE_URL: url },
    });
    deepEqual([code, stdout, hasStackTrace(stderr)], [2, "", false], file);
    match(stderr, reason);
  }
});

import { deepEqual, equal, match } from "node:assert/strict";
import { mkdirSync, mkdtempSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { runLyftr, serve } from "../support/process.ts";
import { body, getJson, post } from "../support/service.ts";

// As the older Python service made it, with rows that its weaker rules accepted.
const PYTHON_SCHEMA = `CREATE TABLE messages (message_id TEXT PRIMARY KEY, from_msisdn TEXT NOT NULL,
  to_msisdn TEXT NOT NULL, ts TEXT NOT NULL, text TEXT, created_at TEXT NOT NULL)`;
const ROWS = [
  ["plain", "+1", "2025-01-15T10:00:00Z", "Hello"],
  ["space", "+1", "2025-01-15 09:00:00Z", "Über"],
  ["offset", "+2", "2025-01-15T11:00:00+00:00", null],
  ["february", "+2", "2025-02-30T10:00:00Z", ""],
  ["words", "+3", "yesterday", "x".repeat(5000)],
  ["empty", "+3", "", "nul\0inside"],
] as const;

function pythonDatabase(rows: Iterable<readonly (string | null)[]> = ROWS): {
  cwd: string;
  path: string;
} {
  const cwd = mkdtempSync(join(tmpdir(), "lyftr-python-"));
  mkdirSync(join(cwd, "data"));
  const path = join(cwd, "data", "app.db");
  const db = new DatabaseSync(path);
  db.exec(`${PYTHON_SCHEMA}; CREATE INDEX idx_ts ON messages (ts); BEGIN`);
  const insert = db.prepare(
    "INSERT INTO messages VALUES (?, ?, '+9', ?, ?, '2025-01-15T10:00:00.123456Z')",
  );
  for (const [id = null, from = null, ts = null, text = null] of rows)
    insert.run(id, from, ts, text);
  db.exec("COMMIT");
  db.close();
  return { cwd, path };
}

test("a database of the Python service opens, keeps every row and answers correctly", async () => {
  const { cwd } = pythonDatabase();
  await using lyftr = await serve({ cwd });
  const page = await getJson(`${lyftr.url}/messages`);
  deepEqual(
    page.data.map((row: Record<string, unknown>) => [row.message_id, row.from, row.ts, row.text]),
    [ROWS[5], ROWS[1], ROWS[0], ROWS[2], ROWS[3], ROWS[4]],
  );
  equal(page.data[1].created_at, "2025-01-15T10:00:00.123456Z");
  const stats = await getJson(`${lyftr.url}/stats`);
  deepEqual(
    [stats.total_messages, stats.senders_count, stats.first_message_ts, stats.last_message_ts],
    [6, 3, "", "yesterday"],
  );
  for (const query of ["since=2025-01-15", "q=über", "from=+2", "limit=1&offset=5", "q=%00"]) {
    equal((await fetch(`${lyftr.url}/messages?${query}`)).status, 200, query);
  }
  const paged: string[] = [];
  for (let next: string | null = ""; next !== null; ) {
    const { data, next_cursor } = await getJson(
      `${lyftr.url}/messages?limit=1${next === "" ? "" : `&cursor=${next}`}`,
    );
    paged.push(...data.map((row: { message_id: string }) => row.message_id));
    next = next_cursor;
  }
  deepEqual(paged, ["empty", "space", "plain", "offset", "february", "words"]);
  equal((await post(lyftr.url, body({ message_id: "plain" }))).status, 200);
  equal((await getJson(`${lyftr.url}/stats`)).total_messages, 6);
});

test("an upgrade killed half way leaves the old database, and the next start finishes it", async () => {
  const count = 200_000;
  const { cwd, path } = pythonDatabase(
    (function* () {
      for (let n = 0; n < count; n++)
        yield [`m${n}`, `+${n % 100}`, "2025-01-15T10:00:00Z", "Hello"];
    })(),
  );
  await using first = runLyftr(["migrate"], { cwd });
  // The write-ahead log grows beyond the schema's few pages only while rows are being copied.
  while (walBytes(path) < 1_000_000) {
    if (first.child.exitCode !== null) throw new Error("the upgrade was too quick to be killed");
    await new Promise(setImmediate);
  }
  first.child.kill("SIGKILL");
  equal(await first.ended, "SIGKILL");
  const db = new DatabaseSync(path, { readOnly: true });
  deepEqual({ ...db.prepare("SELECT count(*) AS rows FROM messages").get() }, { rows: count });
  equal(
    db.prepare("SELECT 1 FROM pragma_table_info('messages') WHERE name = 'instant'").get(),
    undefined,
  );
  db.close();
  await using second = runLyftr(["migrate"], { cwd });
  equal(await second.ended, 0);
  match(second.stdout(), /took over 200000 messages of the Python service/);
  match(second.stderr(), /^took over 100000 of 200000 messages of the Python service\n/);
  await using third = runLyftr(["migrate"], { cwd });
  equal(await third.ended, 0);
  match(third.stdout(), /nothing to do/);
});

function walBytes(path: string): number {
  return statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0;
}

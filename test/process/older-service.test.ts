import { deepEqual, equal, match } from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { temporaryFolder } from "../support/cli.ts";
import { OlderService, WAYS } from "../support/older-service.ts";
import { serve } from "../support/process.ts";
import { body, getJson, post } from "../support/service.ts";
import { unlessTool } from "../support/tools.ts";

const skip = unlessTool("python3");
const IS_READ_ONLY = /^OperationalError: /;
/** SQLite does not check a row that does not exist, so these need one: the first message. */
const CHANGES = [
  "UPDATE messages SET text = 'other'",
  "UPDATE OR IGNORE messages SET message_id = 'other'",
  "UPDATE messages SET text = 'other' RETURNING message_id",
  "DELETE FROM messages",
  "DELETE FROM messages RETURNING message_id",
  "DROP TABLE messages",
  "ALTER TABLE messages ADD COLUMN read INTEGER",
];

for (const journalMode of ["wal", "delete"]) {
  for (const keepsConnections of [true, false]) {
    const how = `${journalMode} mode, ${keepsConnections ? "connections that it had open" : "new connections"}`;
    test(`an older service that still runs while Lyftr takes its file over cannot acknowledge anything (${how})`, {
      skip,
    }, async () => {
      using folder = temporaryFolder();
      const path = folder.file("app.db");
      await using older = new OlderService(path, { journalMode, keepsConnections });
      equal((await older.start()).status, 200);
      for (const way of WAYS) {
        deepEqual(await older.webhook(way, `before ${way}`), { status: 200, outcome: "created" });
      }
      const before = await older.reads();
      await using lyftr = await serve({
        cwd: folder.path,
        env: { DATABASE_URL: `sqlite:///${path}` },
      });
      await refusesEveryWrite(older);
      deepEqual(await older.reads(), before);
      // A rolling restart, or a rollback.
      await using again = new OlderService(path, { journalMode, keepsConnections });
      equal((await again.start()).status, 200);
      await refusesEveryWrite(again);
      deepEqual(await again.reads(), before);
      const withIndex = await again.startWithIndex();
      equal(withIndex.status, 500);
      equal((await post(lyftr.url, body({ message_id: "new" }))).status, 200);
      equal((await getJson(`${lyftr.url}/stats`)).total_messages, WAYS.length + 1);
      match((await again.reads()).outcome, /"new"/);
    });
  }
}

async function refusesEveryWrite(older: OlderService): Promise<void> {
  for (const way of WAYS) {
    for (const id of [`after ${way}`, "before insert"]) {
      const { status, outcome } = await older.webhook(way, id);
      // A stored message may be reported as a duplicate.
      if (way === "look first" && id === "before insert")
        deepEqual([status, outcome], [200, "duplicate"]);
      else deepEqual([way, status, IS_READ_ONLY.test(outcome)], [way, 500, true], outcome);
    }
  }
  for (const sql of CHANGES) {
    const { status, outcome } = await older.change(sql);
    deepEqual([sql, status, IS_READ_ONLY.test(outcome)], [sql, 500, true], outcome);
  }
  match(
    (await older.webhook("insert", "after")).outcome,
    /Lyftr stores messages in this database now/,
  );
}

test("an older service that does not roll back a failed write does not keep Lyftr from writing", {
  skip,
}, async () => {
  using folder = temporaryFolder();
  const path = folder.file("app.db");
  await using lyftr = await serve({ cwd: folder.path, env: { DATABASE_URL: `sqlite:///${path}` } });
  await using older = new OlderService(path, {
    journalMode: "wal",
    keepsConnections: true,
    rollsBack: false,
  });
  equal((await older.start()).status, 200);
  for (const way of WAYS) {
    const { status, outcome } = await older.webhook(way, "lost");
    deepEqual([way, status, IS_READ_ONLY.test(outcome)], [way, 500, true], outcome);
    equal((await post(lyftr.url, body({ message_id: `after ${way}` }))).status, 200, way);
  }
  equal((await getJson(`${lyftr.url}/stats`)).total_messages, WAYS.length);
});

test("an older service does not mistake a message of another source for its own", {
  skip,
}, async () => {
  using folder = temporaryFolder();
  const path = folder.file("app.db");
  await using lyftr = await serve({ cwd: folder.path, env: { DATABASE_URL: `sqlite:///${path}` } });
  equal((await post(lyftr.url, body({ message_id: "mine" }))).status, 200);
  const db = new DatabaseSync(path, { timeout: 2_000 });
  db.exec(`INSERT INTO lyftr_messages (source, message_id, from_msisdn, to_msisdn, ts, instant, text, created_at)
    VALUES ('other', 'm1', '+1', '+2', '2025-01-15T10:00:00Z', '2025-01-15T10:00:00', NULL, '2025-01-15T10:00:00.000Z')`);
  db.close();
  await using older = new OlderService(path, { journalMode: "wal", keepsConnections: false });
  equal((await older.webhook("look first", "mine")).status, 200);
  equal((await older.webhook("look first", "m1")).status, 500);
});

import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { copyFileSync, existsSync, rmSync, writeFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { StoreRefused } from "../../src/domain/errors.ts";
import type { NewMessage } from "../../src/domain/message.ts";
import { openWriter, transaction } from "../../src/store/sqlite/connection.ts";
import { readIndexPath } from "../../src/store/sqlite/index/connection.ts";
import { indexMessages } from "../../src/store/sqlite/index/index-messages.ts";
import { verifyReadIndex } from "../../src/store/sqlite/index/verify.ts";
import { inserting, packRows } from "../../src/store/sqlite/insert.ts";
import { stats } from "../../src/store/sqlite/reads/stats.ts";
import { Statements } from "../../src/store/sqlite/statements.ts";
import { SqliteParts, temporaryDatabase } from "../support/sqlite-parts.ts";
import { message } from "./exercise.ts";

const BLOCK_ROWS = 50;

function someMessages(count: number, name = "m"): readonly NewMessage[] {
  return Array.from({ length: count }, (_, n) =>
    message(`${name}${(n * 7919) % 1009}-${n}`, {
      from: `+${n % 7}`,
      to: `+${90 + (n % 3)}`,
      ts: `2025-01-15T10:${String(n % 60).padStart(2, "0")}:00Z`,
      text: n % 10 === 0 ? null : `Message ${n}, you know: 你好`,
    }),
  );
}

const verify = (path: string) =>
  verifyReadIndex(path, { progress: () => undefined, signal: new AbortController().signal });

test("verify finds no difference in an index that was built in steps, and counts unindexed messages", async () => {
  using file = temporaryDatabase();
  using parts = new SqliteParts(file.path);
  for (const rows of [300, 1, 17]) {
    parts.insert(someMessages(rows, `${rows}x`));
    while (indexMessages(parts.index, 40, BLOCK_ROWS).rows > 0);
  }
  parts.insert(someMessages(5, "late"));
  deepEqual(await verify(file.path), { messages: 318, backlog: 5, differences: [] });
});

/** Removes the text of the 17th message from the search index, and adds another one. */
function moved(seq: string, text: string): string {
  return `INSERT INTO search (search, rowid, text) SELECT 'delete', seq, searchable(text) FROM lyftr_messages WHERE seq = 17;
    INSERT INTO search (rowid, text) SELECT ${seq}, ${text} FROM lyftr_messages WHERE seq = 17`;
}

const DAMAGES: readonly (readonly [string, string, RegExp])[] = [
  ["a total", "UPDATE index_state SET messages = messages + 1", /total of messages is 301/],
  ["a total of senders", "UPDATE index_state SET senders = 8", /total of senders is 8/],
  [
    "a sender's count",
    "UPDATE senders SET messages = 1 WHERE msisdn = '+3'",
    /messages of senders: 1 counts differ/,
  ],
  [
    "a message missing from its sender's list",
    "DELETE FROM messages_by_sender WHERE seq = 17",
    /missing from the lists/,
  ],
  [
    "a message in another sender's list",
    "UPDATE messages_by_sender SET from_msisdn = '+x' WHERE seq = 17",
    /missing from the lists/,
  ],
  [
    "a block's count",
    "UPDATE blocks SET messages = 1 WHERE instant > '2025-01-15T10:30'",
    /count of a block of all/,
  ],
  [
    "a receiver's count",
    "UPDATE receiver_blocks SET messages = 0 WHERE to_msisdn = '+91'",
    /receivers of a block/,
  ],
  [
    "a minute's count",
    "UPDATE spans SET messages = 0 WHERE start = '2025-01-15T10:05'",
    /messages of a minute/,
  ],
  ["a day's count", "DELETE FROM spans WHERE characters = 10", /messages of a day/],
  [
    "a text in the search",
    "INSERT INTO search (rowid, text) VALUES (1000, 'ABCD')",
    /the search index has [0-9]+ entries, the messages have [0-9]+/,
  ],
  [
    "a text under another message in the search",
    moved("1000", "searchable(text)"),
    /names a wrong message/,
  ],
  [
    "a text with its letters in other places in the search",
    moved("seq", "substr(searchable(text), 2, 3) || substr(searchable(text), 1, 1)"),
    /the search index has /,
  ],
  [
    "a text of other letters in the search",
    moved("seq", "searchable(replace(text, 'e', 'i'))"),
    /different letters/,
  ],
  [
    "the first block of a list",
    "DELETE FROM blocks WHERE list = '' AND instant = ''",
    /the blocks of 1 lists/,
  ],
  [
    "a count of receivers of no block",
    "INSERT INTO receiver_blocks VALUES ('+1', 's', 'x', 'y', 'z', 1)",
    /belong to no block/,
  ],
  ["a span of no bucket", "INSERT INTO spans VALUES (11, 'x', 1)", /belong to no bucket/],
];

for (const [what, damage, finding] of DAMAGES) {
  test(`verify reports ${what} that is wrong`, async () => {
    using file = temporaryDatabase();
    using parts = new SqliteParts(file.path);
    parts.insert(someMessages(300));
    while (indexMessages(parts.index, 100, BLOCK_ROWS).rows > 0);
    parts.index.db.exec(damage);
    const { differences } = await verify(file.path);
    ok(
      differences.some((difference) => finding.test(difference)),
      differences.join("\n"),
    );
  });
}

test("verify without a read index says where it should be", async () => {
  using file = temporaryDatabase();
  new DatabaseSync(file.path).close();
  await rejects(verify(file.path), (error: Error) => {
    match(error.message, /app\.db-index/);
    return error instanceof StoreRefused;
  });
});

/** A database with this many indexed messages. */
function indexedDatabase(path: string, count: number): void {
  using parts = new SqliteParts(path);
  parts.insert(someMessages(count));
  indexMessages(parts.index, count, BLOCK_ROWS);
}

test("an index that is lost, damaged, cut off or of another version is rebuilt", async () => {
  const harms: readonly ((index: string) => void)[] = [
    (index) => rmSync(index),
    (index) =>
      writeFileSync(index, "this is no database, but long enough to look like one".repeat(100)),
    (index) => writeFileSync(index, ""),
    (index) => {
      const db = new DatabaseSync(index);
      db.exec("PRAGMA user_version = 1; DROP TABLE spans");
      db.close();
    },
  ];
  for (const harm of harms) {
    using file = temporaryDatabase();
    indexedDatabase(file.path, 200);
    harm(readIndexPath(file.path));
    using parts = new SqliteParts(file.path);
    equal(parts.read(stats).total, 200);
    deepEqual(indexMessages(parts.index, 1_000, BLOCK_ROWS), { rows: 200, backlog: 0 });
    deepEqual(await verify(file.path), { messages: 200, backlog: 0, differences: [] });
  }
});

test("an index of other messages, because an older copy replaced them, is rebuilt", async () => {
  using file = temporaryDatabase();
  indexedDatabase(file.path, 100);
  const copy = `${file.path}.copy`;
  copyFileSync(file.path, copy);
  indexedDatabase(file.path, 200);
  copyFileSync(copy, file.path);
  ok(!existsSync(`${file.path}-wal`));
  using parts = new SqliteParts(file.path);
  equal(parts.read(stats).total, 100);
  indexMessages(parts.index, 1_000, BLOCK_ROWS);
  deepEqual((await verify(file.path)).differences, []);
});

test("an index that is ahead of its database is rebuilt, even if the same message is the last one again", async () => {
  using file = temporaryDatabase();
  indexedDatabase(file.path, 100);
  const copy = `${file.path}.copy`;
  copyFileSync(file.path, copy);
  const more = someMessages(50, "later");
  {
    using parts = new SqliteParts(file.path);
    parts.insert(more);
    indexMessages(parts.index, 1_000, BLOCK_ROWS);
  }
  copyFileSync(copy, file.path);
  // Senders send the messages that the older file lacks again, in another order except for the last
  // one, to a writer without an index.
  const writer = openWriter(file.path);
  const again = [...more.slice(0, -1).toReversed(), ...more.slice(-1)];
  const rows = again.map((row) => ({ ...row, createdAt: "2025-02-01T00:00:00.000Z" }));
  transaction(writer, "BEGIN IMMEDIATE", () => inserting(new Statements(writer))(packRows(rows)));
  writer.close();
  using parts = new SqliteParts(file.path);
  equal(parts.read(stats).total, 150);
  indexMessages(parts.index, 1_000, BLOCK_ROWS);
  deepEqual((await verify(file.path)).differences, []);
});

test("an index of another database is rebuilt, however similar their messages are", async () => {
  using file = temporaryDatabase();
  using other = temporaryDatabase();
  indexedDatabase(file.path, 100);
  indexedDatabase(other.path, 100);
  copyFileSync(readIndexPath(other.path), readIndexPath(file.path));
  using parts = new SqliteParts(file.path);
  deepEqual(indexMessages(parts.index, 1_000, BLOCK_ROWS), { rows: 100, backlog: 0 });
});

test("two processes that index into the same file add every message once", async () => {
  using file = temporaryDatabase();
  using parts = new SqliteParts(file.path);
  using others = new SqliteParts(file.path);
  for (let round = 0; round < 5; round++) {
    parts.insert(someMessages(30, `r${round}-`));
    indexMessages(parts.index, 10, BLOCK_ROWS);
    indexMessages(others.index, 15, BLOCK_ROWS);
    indexMessages(parts.index, 100, BLOCK_ROWS);
  }
  deepEqual(await verify(file.path), { messages: 150, backlog: 0, differences: [] });
});

test("a failed step leaves no trace", async () => {
  using file = temporaryDatabase();
  using parts = new SqliteParts(file.path);
  parts.insert(someMessages(60));
  indexMessages(parts.index, 20, BLOCK_ROWS);
  parts.index.db.exec(
    "CREATE TEMP TRIGGER fails BEFORE INSERT ON read_index.spans BEGIN SELECT RAISE(ABORT, 'no'); END",
  );
  for (let attempt = 0; attempt < 3; attempt++) {
    let failure = "";
    try {
      indexMessages(parts.index, 20, BLOCK_ROWS);
    } catch (error) {
      failure = String(error);
    }
    match(failure, /no/);
  }
  deepEqual(await verify(file.path), { messages: 20, backlog: 40, differences: [] });
  parts.index.db.exec("DROP TRIGGER fails");
  while (indexMessages(parts.index, 20, BLOCK_ROWS).rows > 0);
  deepEqual(await verify(file.path), { messages: 60, backlog: 0, differences: [] });
});

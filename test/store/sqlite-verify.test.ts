import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { StoreRefused } from "../../src/domain/errors.ts";
import { indexMessages } from "../../src/store/sqlite/index/index-messages.ts";
import { verifySqlite } from "../../src/store/sqlite/verify.ts";
import type { VerifyReport } from "../../src/store/verify-report.ts";
import { everyAnswer, flipOneBit, keptFiles, seeded } from "../support/byte-flips.ts";
import { SqliteParts, temporaryDatabase } from "../support/sqlite-parts.ts";
import { message } from "./exercise.ts";

const MESSAGES = 400;
/** The number of flips to find that change an answer. */
const FLIPS = Number(process.env.VERIFY_FLIPS ?? 8);
const TRIES_PER_FLIP_MAX = 40;
const SEED = Number(process.env.VERIFY_SEED ?? 1);
const IDS = Array.from({ length: MESSAGES }, (_, n) => `m${n}`);
/** Longer than a page, so that there are overflow pages. */
const LONG = "a long text ".repeat(300);

/** Messages, all of them indexed, and other stored data. */
function fill(path: string): void {
  using parts = new SqliteParts(path);
  parts.insert(
    IDS.map((id, n) =>
      message(id, {
        from: `+1${n % 7}`,
        to: `+20${n % 3}`,
        ts: `2025-01-15T10:${String(n % 60).padStart(2, "0")}:0${n % 10}Z`,
        text: n % 9 === 0 ? null : n % 50 === 1 ? `${LONG}${n}` : `Text ${n} of ${id}`,
        createdAt: new Date(Date.UTC(2025, 0, 15, 11) + n * 1_000).toISOString(),
      }),
    ),
  );
  while (indexMessages(parts.index, 150, 64).backlog > 0);
}

const verify = (path: string) =>
  verifySqlite(path, { progress: () => undefined, signal: new AbortController().signal });
const complaintsOf = ({ damage = [], differences }: VerifyReport) => [...damage, ...differences];

function change(path: string, sql: string): void {
  const db = new DatabaseSync(path);
  db.exec(sql);
  db.close();
}

test("a sound database has no damage, with and without a read index", async () => {
  using file = temporaryDatabase();
  fill(file.path);
  deepEqual(await verify(file.path), { messages: MESSAGES, backlog: 0, differences: [] });
  rmSync(`${file.path}-index`);
  deepEqual(await verify(file.path), { messages: MESSAGES, backlog: MESSAGES, differences: [] });
});

test("every flipped bit that changes an answer is found, in any page of either file", async (t) => {
  using file = temporaryDatabase();
  fill(file.path);
  const restore = keptFiles(file.path, ["", "-index"]);
  const expected = everyAnswer(file.path, IDS);
  const random = seeded(SEED);
  let changed = 0;
  for (let tries = 0; changed < FLIPS; tries++) {
    ok(tries < FLIPS * TRIES_PER_FLIP_MAX, `only ${changed} of ${tries} flips changed an answer`);
    restore();
    const where = flipOneBit(file.path + (tries % 2 === 0 ? "" : "-index"), random);
    const answers = everyAnswer(file.path, IDS);
    if (
      answers.length === expected.length &&
      answers.every((answer, at) => answer === expected[at])
    )
      continue;
    changed++;
    const complaints = await verify(file.path).then(complaintsOf, (error: Error) => {
      // A change that makes the file unrecognisable is refused with a sentence.
      ok(error instanceof StoreRefused, `${where}: ${error}`);
      return [error.message];
    });
    ok(
      complaints.length > 0,
      `${where}: an answer changed, and verify finds nothing (seed ${SEED})`,
    );
    t.diagnostic(`${where.replace(file.path, "app.db")}: ${complaints[0]}`);
  }
});

for (const [what, sql, finding] of [
  ["the key of messages", "messages_key", /missing from index messages_key/],
  ["the order of lists", "messages_by_instant", /missing from index messages_by_instant/],
] as const) {
  test(`an entry that is missing from the index of ${what} is found`, async () => {
    using file = temporaryDatabase();
    fill(file.path);
    // A definition that leaves rows out, replaced by the true one afterwards: that is what damage
    // looks like.
    const db = new DatabaseSync(file.path);
    db.enableDefensive(false);
    const { sql: definition } = db
      .prepare("SELECT sql FROM sqlite_schema WHERE name = ?")
      .get(sql) as { sql: string };
    db.exec(`DROP INDEX ${sql}; ${definition} WHERE seq <> 17; PRAGMA writable_schema = ON`);
    db.prepare("UPDATE sqlite_schema SET sql = ? WHERE name = ?").run(definition, sql);
    db.close();
    const { damage: damages = [] } = await verify(file.path);
    ok(
      damages.some((damage) => finding.test(damage)),
      damages.join("\n"),
    );
  });
}

const STORED: readonly (readonly [what: string, sql: string, finding: RegExp])[] = [
  [
    "a ts",
    "UPDATE lyftr_messages SET ts = '2025-01-15T10:00:08Z' WHERE seq = 8",
    /1 messages have a place in lists that does not match/,
  ],
  [
    "an instant",
    "UPDATE lyftr_messages SET instant = '2025-01-15T10:59:59' WHERE seq = 8",
    /that does not match their ts/,
  ],
  [
    "the case of one letter",
    "UPDATE lyftr_messages SET text = 'text 7 of m7' WHERE seq = 8",
    /checksum/,
  ],
  [
    "a digit of created_at",
    "UPDATE lyftr_messages SET created_at = '2024-01-15T11:00:07.000Z' WHERE seq = 8",
    /checksum/,
  ],
  [
    "a created_at",
    "UPDATE lyftr_messages SET created_at = 'x' WHERE seq = 8",
    /created_at that is not a timestamp/,
  ],
  [
    "a text that is bytes",
    "UPDATE lyftr_messages SET text = x'00ff' WHERE seq = 8",
    /lyftr_messages: text has a value/,
  ],
  ["a number that is none", "UPDATE deletions SET generation = 'x'", /deletions/],
  [
    "a tombstone",
    "INSERT INTO tombstones VALUES (x'00', '2025-01-01T00:00:00.000Z')",
    /tombstones: 1 rows/,
  ],
  ["the row of deletions", "DELETE FROM deletions", /deletions does not have exactly one row/],
  ["the identity", "DELETE FROM lyftr_database", /lyftr_database does not have exactly one row/],
  ["the table of tombstones", "DROP TABLE tombstones", /the table tombstones is missing/],
  ["the table of keys", "DROP TABLE api_keys", /the table api_keys is missing/],
  [
    "the order of lists",
    "DROP INDEX messages_by_instant",
    /the index messages_by_instant is missing/,
  ],
  [
    "the messages",
    "DROP VIEW messages; DROP TABLE lyftr_messages",
    /the table lyftr_messages is missing/,
  ],
];

for (const [what, sql, finding] of STORED) {
  test(`stored data is checked against its rules: ${what}`, async () => {
    using file = temporaryDatabase();
    fill(file.path);
    change(file.path, sql);
    const complaints = complaintsOf(await verify(file.path));
    ok(
      complaints.some((complaint) => finding.test(complaint)),
      complaints.join("\n"),
    );
  });
}

test("a read index without one of its tables is reported, with a sentence", async () => {
  using file = temporaryDatabase();
  for (const sql of [
    "DROP TABLE blocks",
    "DROP TABLE index_state",
    "DELETE FROM index_state",
    "DROP TABLE search_terms",
  ]) {
    fill(file.path);
    change(`${file.path}-index`, sql);
    match(
      (await verify(file.path)).differences[0] ?? "",
      /^the read index does not have its tables/,
      sql,
    );
    for (const suffix of ["", "-wal", "-shm", "-index", "-index-wal", "-index-shm"])
      rmSync(file.path + suffix, { force: true });
  }
});

test("a log of the read index with a damaged header is reported in a sentence", async () => {
  using file = temporaryDatabase();
  fill(file.path);
  const db = new DatabaseSync(`${file.path}-index`);
  db.exec("CREATE TABLE another (a)");
  const log = readFileSync(`${file.path}-index-wal`);
  const shm = readFileSync(`${file.path}-index-shm`);
  db.close();
  writeFileSync(`${file.path}-index-wal`, log.fill(0xff, 10, 11));
  writeFileSync(`${file.path}-index-shm`, shm.fill(0));
  await rejects(verify(file.path), /-index-wal is damaged: start the service once/);
});

test("a database of another version is refused, and verify stops when it is told to", async () => {
  using file = temporaryDatabase();
  fill(file.path);
  const stop = AbortSignal.abort(new Error("stopped"));
  await rejects(verifySqlite(file.path, { progress: () => undefined, signal: stop }), /stopped/);
  change(file.path, "DELETE FROM lyftr_migrations WHERE version > 3");
  await rejects(verify(file.path), (error: Error) => {
    ok(error instanceof StoreRefused);
    match(error.message, /has schema 3, this version of lyftr needs/);
    return true;
  });
  equal(everyAnswer(file.path, IDS).length > 20, true);
});

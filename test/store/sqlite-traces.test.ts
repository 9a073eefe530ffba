import { deepEqual, equal, match, ok } from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import type { DeletedStep } from "../../src/store/retention.ts";
import { truncateWal } from "../../src/store/sqlite/connection.ts";
import { Deleter } from "../../src/store/sqlite/deletion/deleter.ts";
import { scrub } from "../../src/store/sqlite/deletion/space.ts";
import { indexMessages } from "../../src/store/sqlite/index/index-messages.ts";
import { verifyReadIndex } from "../../src/store/sqlite/index/verify.ts";
import { SqliteParts, temporaryDatabase } from "../support/sqlite-parts.ts";
import { message } from "./exercise.ts";

const UNTIL = "2026-01-01T00:00:00.000Z";
const MESSAGES = 6_000;
const PEOPLE = 40;
const ERASED = 10;
/** With this seed, overwriting alone would leave some. */
const SEED = 8;
const VERIFY = { progress: () => undefined, signal: new AbortController().signal };

const day = (number: number) => new Date(Date.UTC(2025, 0, number)).toISOString();
const number = (person: number) => `91770055${String(person).padStart(2, "0")}`;

/** The same numbers from 0 to 1 each time. */
function repeatable(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

/**
 * Messages of many people in no order, indexed in small steps, so that pages of both files are
 * split again and again.
 */
function fill(parts: SqliteParts, seed: number): void {
  const random = repeatable(seed);
  const upTo = (max: number) => Math.floor(random() * max);
  const messages = Array.from({ length: MESSAGES }, () => {
    const from = number(upTo(PEOPLE));
    return message(`m${upTo(1e9)}`, {
      from: `+${from}`,
      to: `+1${upTo(5)}`,
      ts: `2025-01-15T${10 + upTo(9)}:${10 + upTo(49)}:00Z`,
      text: `word${from}w ${"y".repeat(upTo(300))}`,
      createdAt: day(1 + upTo(30)),
    });
  });
  for (let at = 0; at < messages.length; at += 200) {
    parts.insert(messages.slice(at, at + 200));
    indexMessages(parts.index, 200);
  }
}

function toTheEnd(step: (position: string | undefined) => DeletedStep): number {
  let [deleted, position]: [number, string | undefined] = [0, undefined];
  do {
    const done = step(position);
    deleted += done.deleted;
    position = done.position;
  } while (position !== undefined);
  return deleted;
}

function filesWith(path: string, trace: string): readonly string[] {
  const folder = dirname(path);
  return readdirSync(folder).filter((name) => readFileSync(join(folder, name)).includes(trace));
}

test("no byte of erased people stays in any file, even if deletions in between move the rest from page to page", async () => {
  using file = temporaryDatabase();
  {
    using parts = new SqliteParts(file.path);
    fill(parts, SEED);
    const deleter = new Deleter(parts.index);
    const how = { rowsMax: 97, tombstonesUntil: UNTIL };
    for (let person = 0; person < ERASED; person++) {
      const receivedBefore = day(2 + 2 * person);
      toTheEnd((position) =>
        deleter.expire({ ...how, position, receivedBefore, everywhere: true }),
      );
      ok(filesWith(file.path, number(person)).length > 0);
      ok(
        toTheEnd((position) => deleter.erase({ ...how, position, msisdn: `+${number(person)}` })) >
          0,
      );
      equal(scrub(parts.index).length, 3);
      equal(truncateWal(parts.index.db, "main"), true);
      deepEqual(filesWith(file.path, number(person)), []);
    }
  }
  for (let person = 0; person < ERASED; person++)
    deepEqual(filesWith(file.path, number(person)), []);
  deepEqual((await verifyReadIndex(file.path, VERIFY)).differences, []);
});

test("what cannot be rewritten is reported: a file that is too large, and one that another process locks", () => {
  using file = temporaryDatabase();
  using parts = new SqliteParts(file.path);
  using other = new SqliteParts(file.path);
  parts.insert([message("m")]);
  const [large, ...others] = scrub(parts.index, 0);
  match(String(large), /The message file was not rewritten/);
  equal(others.length, 3);
  parts.index.db.exec("PRAGMA busy_timeout = 50");
  other.index.db.exec("BEGIN; UPDATE index_state SET seq = seq");
  match(String(scrub(parts.index)[0]), /The read index could not be rewritten/);
  other.index.db.exec("ROLLBACK");
});

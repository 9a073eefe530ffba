import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { NewMessage } from "../../src/domain/message.ts";
import { parseMessageQuery } from "../../src/domain/message-query.ts";
import { Database } from "../../src/store/postgres/database.ts";
import { convertAll } from "../../src/store/postgres/index/search-form.ts";
import { IS_NOT_NFC } from "../../src/store/postgres/index/searchable.ts";
import { migrate } from "../../src/store/postgres/migrations.ts";
import { PostgresStore } from "../../src/store/postgres/postgres-store.ts";
import { Writer } from "../../src/store/postgres/writer.ts";
import { freshDatabase, unlessPostgres } from "../support/postgres.ts";
import { foldAsBefore } from "../support/postgres-old-forms.ts";

const skip = unlessPostgres();
const INDEX = "messages_not_nfc";
const CONVERTED_MS_MAX = 10_000;
const TEXTS = [
  "caf\u00e9 one",
  "CAFE\u0301 two",
  "cafe three",
  "Vie\u0323\u0302t four",
  "\u0390 five",
  "\u1112\u1161\u11ab six",
  "plain",
];
const FOUND: readonly (readonly [q: string, ids: readonly string[]])[] = [
  ["café", ["m0", "m1"]],
  ["CAFE\u0301 T", ["m1"]],
  ["cafe", ["m2"]],
  ["việt", ["m3"]],
  ["\u03b9\u0308\u0301 fi", ["m4"]],
  ["한", ["m5"]],
  ["LAI", ["m6"]],
];

const message = (text: string, at: number) =>
  ({
    source: "native",
    messageId: `m${at}`,
    from: "+1",
    to: "+2",
    ts: "2025-01-15T10:00:00Z",
    text,
    createdAt: "2025-01-15T10:00:01.000Z",
  }) as unknown as NewMessage;

const openStore = (url: string) =>
  PostgresStore.open(url, {
    connectionsMax: 4,
    migrate: true,
    allowWeakDurability: true,
    random: Math.random,
  });

async function found(store: PostgresStore, q: string): Promise<readonly string[]> {
  const parsed = parseMessageQuery({ q });
  ok(parsed.ok);
  return (await store.findMessages(parsed.query)).messages.map(({ messageId }) => messageId);
}

async function expectFound(store: PostgresStore): Promise<void> {
  for (const [q, ids] of FOUND) deepEqual(await found(store, q), ids, q);
}

async function rowsOfOldForm(database: Database): Promise<number> {
  return (await database.all(`SELECT 1 FROM messages WHERE ${IS_NOT_NFC}`)).length;
}

for (const partitions of [undefined, 2]) {
  const title = partitions === undefined ? "a table" : "a divided table";
  test(`PostgreSQL: ${title} of the version before NFC is searched exactly at once, and is converted in the background`, {
    skip,
  }, async () => {
    await using fresh = await freshDatabase();
    const database = new Database(fresh.url, { connectionsMax: 2 });
    try {
      await migrate(database, { partitions });
      await database.all(`DROP INDEX ${INDEX}`);
      await new Writer(database, { random: Math.random }).insert(TEXTS.map(message));
      await foldAsBefore(database, TEXTS.map(message));
      ok((await rowsOfOldForm(database)) >= 4);
      const store = await openStore(fresh.url);
      try {
        await expectFound(store);
        const deadline = performance.now() + CONVERTED_MS_MAX;
        while ((await rowsOfOldForm(database)) > 0) {
          ok(performance.now() < deadline, "not converted");
          await sleep(20);
        }
        await expectFound(store);
        // A process of the previous version still runs, and stores more.
        await foldAsBefore(database, TEXTS.map(message));
        ok((await rowsOfOldForm(database)) >= 4);
        await expectFound(store);
      } finally {
        await store.close();
      }
    } finally {
      await database.close();
    }
  });
}

test("PostgreSQL: many rows of the old form are converted in steps, and a text that changed in between is not touched", {
  skip,
}, async () => {
  await using fresh = await freshDatabase();
  const database = new Database(fresh.url, { connectionsMax: 2 });
  try {
    await migrate(database);
    const rows = Array.from({ length: 1_203 }, (_, at) => message(`e\u0301 ${at}`, at));
    const writer = new Writer(database, { random: Math.random });
    for (let at = 0; at < rows.length; at += 300) await writer.insert(rows.slice(at, at + 300));
    await foldAsBefore(database, rows);
    equal(await rowsOfOldForm(database), rows.length);
    await convertAll(database, new AbortController().signal);
    equal(await rowsOfOldForm(database), 0);
    const [row] = await database.all<{ folded: string }>(
      "SELECT folded FROM messages WHERE message_id = 'm7'",
    );
    equal(row?.folded, "\u00c9 7");
  } finally {
    await database.close();
  }
});

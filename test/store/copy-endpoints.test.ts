import { equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { BEGINNING, COPY_BYTES_MAX, type CopyEndpoint } from "../../src/store/copying.ts";
import { openStore } from "../../src/store/open.ts";
import { PostgresCopyEndpoint } from "../../src/store/postgres/copy-endpoint.ts";
import { SqliteCopyEndpoint } from "../../src/store/sqlite/copy-endpoint.ts";
import { freshDatabase, unlessPostgres } from "../support/postgres.ts";
import { temporaryDatabase } from "../support/sqlite-parts.ts";
import { message } from "./exercise.ts";

const ROWS = 600;
/** The longest possible text: 16 KiB. */
const TEXT = "😀".repeat(4_096);

async function fill(url: string): Promise<void> {
  const store = await openStore(url);
  for (let row = 0; row < ROWS; row += 100) {
    await store.insertMessages(
      Array.from({ length: 100 }, (_, n) => message(`m${row + n}`, { text: TEXT })),
    );
  }
  await store.close();
}

async function expectBoundedParts(end: CopyEndpoint): Promise<void> {
  let [read, parts] = [0, 0];
  for (let position = BEGINNING; ; parts++) {
    const part = await end.read(position, 2_000);
    if (part.messages.length === 0) break;
    const bytes = part.messages.reduce((sum, { text }) => sum + Buffer.byteLength(text ?? ""), 0);
    ok(bytes <= COPY_BYTES_MAX, `${bytes} bytes in one part`);
    read += part.messages.length;
    position = part.position;
  }
  equal(read, ROWS);
  equal(parts, 3);
  await end.close();
}

test("a copy reads long messages of SQLite in parts of a few MiB", async () => {
  using file = temporaryDatabase();
  await fill(`sqlite:///${file.path}`);
  await expectBoundedParts(await SqliteCopyEndpoint.open(file.path, "read"));
});

test("a copy reads long messages of PostgreSQL in parts of a few MiB", {
  skip: unlessPostgres(),
}, async () => {
  await using database = await freshDatabase({ kind: "postgres" });
  await fill(database.url);
  await expectBoundedParts(await PostgresCopyEndpoint.open(database.url, "read"));
});

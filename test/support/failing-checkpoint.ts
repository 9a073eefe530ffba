import { writeFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { SqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import { message } from "../store/exercise.ts";

// A process with a store, in which one fsync fails while it deletes or inserts. Then the other
// operation continues as far as the store lets it. The process says what was acknowledged, and is
// killed.
//
// node failing-checkpoint.ts DATABASE MARKER deletion|insert

const [, , path = "", marker = "", first = ""] = process.argv;
const LONG_AGO = "2025-01-15T10:00:00.000Z";
const OLD = 200;
/** With these texts, more pages than a checkpoint waits for. */
const NEW = 1_500;
const TEXT = "漢".repeat(4_000);
const TRIES = 5;

const store = await SqliteStore.open(path);
const acked: string[] = [];
let sent = 0;

async function insert(rows: number, createdAt: string): Promise<void> {
  const batch = Array.from({ length: rows }, () =>
    message(`m${++sent}`, { text: TEXT, createdAt }),
  );
  await store.insertMessages(batch);
  acked.push(...batch.map(({ messageId }) => messageId));
}

async function deleteOne(): Promise<void> {
  await store.retention.expire({
    receivedBefore: "2025-02-01T00:00:00.000Z",
    rowsMax: 1,
    everywhere: false,
    tombstonesUntil: "2099-01-01T00:00:00.000Z",
    position: undefined,
  });
}

async function isIndexed(): Promise<void> {
  while (store.backlogRows() > 0) await new Promise(setImmediate);
}

await insert(OLD, LONG_AGO);
await isIndexed();
// A reader keeps the next checkpoint from the end of the log. So it copies pages without an fsync.
const reader = new DatabaseSync(path, { readOnly: true });
reader.exec("BEGIN; SELECT count(*) FROM lyftr_messages");
await insert(NEW, new Date().toISOString());
await isIndexed();
reader.close();
writeFileSync(marker, "");
const now = new Date().toISOString();
const [fails, continues] =
  first === "deletion" ? [deleteOne, () => insert(1, now)] : [() => insert(1, now), deleteOne];
await fails().catch(() => undefined);
await store.broken;
for (let attempt = 0; attempt < TRIES; attempt++) await continues().catch(() => undefined);
process.stdout.write(`${JSON.stringify(acked)}\n`, () => process.kill(process.pid, "SIGKILL"));

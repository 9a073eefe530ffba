import { type NewMessage, parseMessage } from "../../src/domain/message.ts";
import { openStore } from "../../src/store/open.ts";

import { messageBody } from "./messages.ts";

const ROWS_PER_BATCH = 5_000;

/** Puts `rows` messages into the database at `path` by the store itself, in large batches. */
export async function fill(path: string, rows: number): Promise<void> {
  const store = await openStore(`sqlite:///${path}`);
  const createdAt = new Date().toISOString();
  for (let from = 0; from < rows; from += ROWS_PER_BATCH) {
    const count = Math.min(ROWS_PER_BATCH, rows - from);
    await store.insertMessages(Array.from({ length: count }, (_, at) => newMessage(from + at, createdAt)));
  }
  await store.close();
}

function newMessage(index: number, createdAt: string): NewMessage {
  const parsed = parseMessage(JSON.parse(messageBody("fill", index)));
  if (!parsed.ok) throw new Error(`message ${index} of the benchmark is not valid`);
  return { ...parsed.message, source: "native", createdAt };
}

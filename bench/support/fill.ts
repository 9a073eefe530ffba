import { type LoadResult, loadMessages } from "../../src/cli/demo/loader.ts";
import { systemClock } from "../../src/domain/clock.ts";
import { openStore } from "../../src/store/open.ts";

/** The `DATABASE_URL` of an absolute path. */
export function sqliteUrl(path: string): string {
  return `sqlite:///${path}`;
}

/**
 * The end of the time span of the messages that fill a database. Messages that a benchmark sends to
 * it come later.
 */
export const FILLED_UNTIL_MS = Date.UTC(2025, 0, 15);
const SEED = 1;

/**
 * Stores `rows` messages into the database of a URL through the store itself, and waits until they
 * are indexed.
 */
export async function fill(
  databaseUrl: string,
  rows: number,
  ids?: "random" | "ascending",
): Promise<LoadResult> {
  const store = await openStore(databaseUrl);
  try {
    return await loadMessages(store, {
      seed: SEED,
      count: rows,
      nowMs: FILLED_UNTIL_MS,
      clock: systemClock,
      ...(ids === undefined ? {} : { ids }),
    });
  } finally {
    await store.close();
  }
}

import { type LoadResult, loadMessages } from "../../src/cli/demo/loader.ts";
import { systemClock } from "../../src/domain/clock.ts";
import { openStore } from "../../src/store/open.ts";

/** How an absolute path is named in `DATABASE_URL`. */
export function sqliteUrl(path: string): string {
  return `sqlite:///${path}`;
}

/** The messages a load puts into a database end here; those that a benchmark sends to it come later. */
export const FILLED_UNTIL_MS = Date.UTC(2025, 0, 15);
const SEED = 1;

/** Puts `rows` messages into the database of a URL by the store itself, and waits until they are indexed. */
export async function fill(databaseUrl: string, rows: number, ids?: "random" | "ascending"): Promise<LoadResult> {
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

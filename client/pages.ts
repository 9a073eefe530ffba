import type { Page } from "./answers.ts";
import { LyftrError } from "./errors.ts";
import type { MessageFilter, StoredMessage } from "./message.ts";

/** The maximum of the service. */
const PAGE_MESSAGES_MAX = 100;
const FILTERS = ["from", "to", "source", "since", "until", "q", "order"] as const;

/**
 * Every message of a list, page by page through cursors. Messages that are stored in between shift
 * nothing, and a page is requested only when it is needed.
 */
export async function* readPages(
  filter: MessageFilter,
  readPage: (query: string) => Promise<Page>,
): AsyncGenerator<StoredMessage, void, undefined> {
  // The total is not needed here, and counting it may be the expensive part.
  const query = new URLSearchParams({ limit: String(PAGE_MESSAGES_MAX), count: "none" });
  for (const name of FILTERS) if (filter[name] !== undefined) query.set(name, filter[name]);
  for (let cursor: string | null = null; ; ) {
    const { data, next_cursor } = await readPage(`?${query}`);
    yield* data;
    if (next_cursor === null) return;
    if (next_cursor === cursor) throw new LyftrError("protocol", "the cursor leads to itself");
    cursor = next_cursor;
    query.set("cursor", cursor);
  }
}

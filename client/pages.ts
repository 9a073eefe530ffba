import type { Page } from "./answers.ts";
import { LyftrError } from "./errors.ts";
import type { MessageFilter, StoredMessage } from "./message.ts";

/** The most that the service gives at once. */
const PAGE_MESSAGES_MAX = 100;
const FILTERS = ["from", "to", "source", "since", "until", "q", "order"] as const;

/** Every message of a list, page by page by cursors: what is stored meanwhile shifts nothing, and a page is asked for when it is needed. */
export async function* readPages(
  filter: MessageFilter,
  readPage: (query: string) => Promise<Page>,
): AsyncGenerator<StoredMessage, void, undefined> {
  // Nobody asks for the total here, and counting it may be what costs.
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

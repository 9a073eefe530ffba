import type { ResponseCache } from "../cache/response-cache.ts";
import type { Headers, Reply } from "./reply.ts";
import type { Request } from "./route.ts";

/** What a route needs to serve cached responses. */
export interface CachedResponses {
  readonly responses: Pick<ResponseCache, "getOrRead">;
}

/**
 * The key of a cached response, and how its body is read. `parts` is everything that the response
 * depends on, except the stored data.
 */
export interface CachedRead {
  readonly parts: readonly unknown[];
  readonly read: (signal: AbortSignal) => Promise<unknown>;
  /** Headers that depend on the text, whether it was just read or cached. */
  readonly headers?: (text: string) => Headers;
}

/**
 * Replies with JSON, from the database or the cache. A client that already has this response gets
 * 304.
 */
export async function cachedReply(
  request: Request,
  { responses }: CachedResponses,
  { parts, read, headers }: CachedRead,
): Promise<Reply> {
  const asText = async (signal: AbortSignal) => JSON.stringify(await read(signal));
  const maxAgeMs = 1_000 * maxAgeOf(request.headers["cache-control"]);
  const gone = () => request.clientGone();
  const { text, tag } = await responses.getOrRead(parts, asText, gone, maxAgeMs);
  // Only the client may cache it, and it must revalidate it each time.
  const replyHeaders = {
    etag: `"${tag}"`,
    "cache-control": "private, no-cache",
    ...headers?.(text),
  };
  if (hasTag(request.headers["if-none-match"], tag)) return { status: 304, headers: replyHeaders };
  return { status: 200, headers: replyHeaders, body: text };
}

/**
 * The seconds of `max-age` in the `Cache-Control` of a request: how old a response the client
 * accepts (RFC 9111, section 5.2.1). 0 without it, and with `no-cache`.
 */
export function maxAgeOf(cacheControl: string | undefined): number {
  if (cacheControl === undefined || /(?:^|[\t ,])no-cache(?:$|[\t ,])/i.test(cacheControl))
    return 0;
  return Number(/(?:^|[\t ,])max-age="?(\d{1,9})"?(?:$|[\t ,])/i.exec(cacheControl)?.[1] ?? 0);
}

/** One tag of a list, up to the following comma. An opaque tag may contain commas. */
const ENTITY_TAG = /[\t ,]*(?:W\/)?"([\x21\x23-\x7e\x80-\xff]*)"[\t ]*(?=,|$)/gy;

/**
 * Whether the list of `If-None-Match` contains a tag, by the weak comparison of RFC 9110. A
 * malformed list is read up to the error.
 */
export function hasTag(list: string | undefined, tag: string): boolean {
  if (list === undefined) return false;
  return (
    list.trim() === "*" ||
    Array.from(list.matchAll(ENTITY_TAG), ([, opaque]) => opaque).includes(tag)
  );
}

/** The 304 response of such a route, for the documentation. */
export const NotModifiedResponse = {
  304: {
    description:
      "Not Modified: the response still has the `ETag` that was sent in `If-None-Match`.",
  },
};

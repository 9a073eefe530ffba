import type { ResponseCache } from "../cache/response-cache.ts";
import type { Headers, Reply } from "./reply.ts";
import type { Request } from "./route.ts";

/** What a route needs whose answers may be given again. */
export interface CachedResponses {
  readonly responses: Pick<ResponseCache, "getOrRead">;
}

/** What is asked: all that the answer depends on but for what is stored, and how its body is read. */
export interface CachedRead {
  readonly parts: readonly unknown[];
  readonly read: (signal: AbortSignal) => Promise<unknown>;
  /** Headers that depend on the text, whether it was read now or kept. */
  readonly headers?: (text: string) => Headers;
}

/** Answers a question with JSON, whether it is read for this client or was for others; a client that has just this answer gets 304. */
export async function cachedReply(
  request: Request,
  { responses }: CachedResponses,
  { parts, read, headers }: CachedRead,
): Promise<Reply> {
  const asText = async (signal: AbortSignal) => JSON.stringify(await read(signal));
  const { text, tag } = await responses.getOrRead(parts, asText, () => request.clientGone());
  // It may be kept by the client alone, and given again only after it has asked here.
  const told = { etag: `"${tag}"`, "cache-control": "private, no-cache", ...headers?.(text) };
  if (hasTag(request.headers["if-none-match"], tag)) return { status: 304, headers: told };
  return { status: 200, headers: told, body: text };
}

/** One of a list, up to the comma behind it. An opaque tag may have commas too. */
const ENTITY_TAG = /[\t ,]*(?:W\/)?"([\x21\x23-\x7e\x80-\xff]*)"[\t ]*(?=,|$)/gy;

/** Whether the list of `If-None-Match` names a tag, by the weak comparison of RFC 9110. It is read as far as it is such a list. */
export function hasTag(list: string | undefined, tag: string): boolean {
  if (list === undefined) return false;
  return list.trim() === "*" || Array.from(list.matchAll(ENTITY_TAG), ([, opaque]) => opaque).includes(tag);
}

/** The 304 of such a route, for the documentation. */
export const NotModifiedResponse = {
  304: { description: "Not Modified: the response still has the `ETag` that was sent in `If-None-Match`." },
};

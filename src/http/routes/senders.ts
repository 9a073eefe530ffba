import { encodeSenderCursor } from "../../domain/cursor.ts";
import { parseSenderQuery } from "../../domain/sender-query.ts";
import type { Sender, SenderPage, SenderQuery, Store } from "../../store/store.ts";
import { type CachedResponses, cachedReply, NotModifiedResponse } from "../cached-reply.ts";
import { Schema } from "../json-schema.ts";
import { LinkHeader, linkToNext, nextCursorIn } from "../next-page.ts";
import { invalidQuery } from "../reply.ts";
import type { Route, RouteSchema } from "../route.ts";
import { PageParameters, problemResponses } from "../schemas.ts";

const PATH = "/senders";

/** `GET /senders`: a page of the senders, all or those with a prefix. */
export function sendersRoute(
  options: CachedResponses & { readonly store: Pick<Store, "findSenders"> },
): Route {
  return {
    method: "GET",
    path: PATH,
    access: "read",
    schema: SCHEMA,
    handle: async (request) => {
      const parameters = request.query;
      const parsed = parseSenderQuery(parameters);
      if (!parsed.ok) return invalidQuery(parsed);
      const { query } = parsed;
      const read = async (signal: AbortSignal) =>
        pageBody(query, await options.store.findSenders(query, { signal }));
      const headers = (text: string) => {
        const cursor = nextCursorIn(text);
        if (cursor === undefined) return {};
        return linkToNext({
          path: PATH,
          parameters,
          names: ["prefix"],
          limit: query.limit,
          from: ["cursor", cursor],
        });
      };
      return cachedReply(request, options, { parts: ["senders", query], read, headers });
    },
  };
}

function pageBody({ limit, offset }: SenderQuery, { senders, total, more }: SenderPage) {
  const last = senders.at(-1);
  return {
    data: senders.map(senderBody),
    total,
    limit,
    offset,
    next_cursor: more && last !== undefined ? encodeSenderCursor(last.from) : null,
  };
}

function senderBody({ from, count, firstTs, lastTs }: Sender) {
  return { from, count, first_seen: firstTs, last_seen: lastTs };
}

const SCHEMA: RouteSchema = {
  operationId: "listSenders",
  summary: "List senders",
  description: "Senders are sorted by number, byte by byte. Out-of-range numbers are clamped.",
  tags: ["messages"],
  querystring: Schema.object({
    ...PageParameters,
    prefix: Schema.optional(
      Schema.string({
        description:
          "Only senders whose number begins with this, such as `+9190`. `total` counts these.",
      }),
    ),
    cursor: Schema.optional(
      Schema.string({
        description: "The `next_cursor` of the previous page. The limit may differ.",
      }),
    ),
  }),
  response: {
    200: Schema.object(
      {
        data: Schema.array(
          Schema.object({
            from: Schema.string(),
            count: Schema.integer({ description: "The number of messages of this sender." }),
            first_seen: Schema.string({ description: "The earliest `ts` of these messages." }),
            last_seen: Schema.string({ description: "The latest `ts` of these messages." }),
          }),
        ),
        total: Schema.integer({
          description: "The number of all senders with the prefix, on all pages.",
        }),
        limit: Schema.integer(),
        offset: Schema.integer(),
        next_cursor: Schema.union([Schema.string(), Schema.null()], {
          description: "The cursor of the next page. Null on the last page.",
        }),
      },
      { description: "One page.", headers: LinkHeader },
    ),
    ...NotModifiedResponse,
    ...problemResponses(400, 422, 429, 500, 503),
  },
};

import { encodeCursor } from "../../domain/cursor.ts";
import { type MessageQuery, parseMessageQuery } from "../../domain/message-query.ts";
import type { MessagePage, Store } from "../../store/store.ts";
import { type CachedResponses, cachedReply, NotModifiedResponse } from "../cached-reply.ts";
import { Schema } from "../json-schema.ts";
import { LinkHeader, linkToNext, nextCursorIn } from "../next-page.ts";
import { invalidQuery } from "../reply.ts";
import type { Route, RouteSchema } from "../route.ts";
import {
  ListParameters,
  MessageBodySchema,
  messageBody,
  PageParameters,
  problemResponses,
} from "../schemas.ts";

const PATH = "/messages";
/** The parameters that define a list, without its position. */
const LINKED = [...Object.keys(ListParameters), "count"];

/** `GET /messages`: a page of stored messages, filtered, with the exact number of all matches. */
export function messagesRoute(
  options: CachedResponses & { readonly store: Pick<Store, "findMessages"> },
): Route {
  return {
    method: "GET",
    path: PATH,
    access: "read",
    schema: SCHEMA,
    handle: async (request) => {
      const parameters = request.query;
      const parsed = parseMessageQuery(parameters);
      if (!parsed.ok) return invalidQuery(parsed);
      const { query } = parsed;
      const read = async (signal: AbortSignal) =>
        pageBody(query, await options.store.findMessages(query, { signal }));
      const headers = (text: string) => {
        const cursor = nextCursorIn(text);
        if (cursor === undefined) return {};
        return linkToNext({
          path: PATH,
          parameters,
          names: LINKED,
          limit: query.limit,
          from: ["cursor", cursor],
        });
      };
      return cachedReply(request, options, { parts: ["messages", query], read, headers });
    },
  };
}

function pageBody(query: MessageQuery, page: MessagePage) {
  return {
    data: page.messages.map(messageBody),
    total: page.total,
    limit: query.limit,
    offset: query.offset,
    next_cursor: page.next && encodeCursor(page.next, query),
    prev_cursor: page.previous && encodeCursor(page.previous, query),
  };
}

const SCHEMA: RouteSchema = {
  operationId: "listMessages",
  summary: "List messages",
  description:
    "Messages are sorted by the instant of `ts`, then by id. Out-of-range numbers are clamped. " +
    "A query that would read too many messages gets 422, type `too_broad`, with advice how to narrow it.",
  tags: ["messages"],
  querystring: Schema.object({
    ...PageParameters,
    ...ListParameters,
    count: Schema.optional(
      Schema.string({
        enum: ["exact", "none"],
        default: "exact",
        description:
          "`none`: `total` is null, which makes a search in many messages faster. A page may then have fewer entries than the limit, or none, and still have a `next_cursor`.",
      }),
    ),
    cursor: Schema.optional(
      Schema.string({
        description:
          "The `next_cursor` or `prev_cursor` of another page. The filters and the order must be the same; the limit may differ.",
      }),
    ),
  }),
  response: {
    200: Schema.object(
      {
        data: Schema.array(MessageBodySchema),
        total: Schema.union([Schema.integer(), Schema.null()], {
          description:
            "The number of all messages that match, on all pages. Null with `count=none`.",
        }),
        limit: Schema.integer(),
        offset: Schema.integer(),
        next_cursor: Schema.union([Schema.string(), Schema.null()], {
          description: "The cursor of the next page. Null on the last page.",
        }),
        prev_cursor: Schema.union([Schema.string(), Schema.null()], {
          description: "The cursor of the previous page. Null on the first page.",
        }),
      },
      { description: "One page.", headers: LinkHeader },
    ),
    ...NotModifiedResponse,
    ...problemResponses(400, 422, 429, 500, 503),
  },
};

import type { FastifyInstance } from "fastify";
import Type from "typebox";
import { encodeCursor } from "../../domain/cursor.ts";
import { type MessageQuery, parseMessageQuery } from "../../domain/message-query.ts";
import type { Parameters } from "../../domain/parameters.ts";
import type { MessagePage, Store } from "../../store/store.ts";
import { type Answering, NotModifiedResponse, sendAnswer } from "../answers.ts";
import { ListParameters, PageParameters } from "../list-parameters.ts";
import { MessageBodySchema, messageBody } from "../message-body.ts";
import { LinkHeader, linkNext, nextCursorIn } from "../next-page.ts";
import { sendInvalidQuery } from "../problem.ts";
import { problemResponses } from "../schemas.ts";

/** What makes a list, besides its place. */
const LINKED = [...Object.keys(ListParameters), "count"];

/** `GET /messages`: a page of stored messages, filtered, with the exact number of all that match. */
export function messagesRoute(
  server: FastifyInstance,
  options: Answering & { readonly store: Pick<Store, "findMessages"> },
): void {
  server.get("/messages", { schema: SCHEMA }, async (request, reply) => {
    const parameters = request.query as Parameters;
    const parsed = parseMessageQuery(parameters);
    if (!parsed.ok) return sendInvalidQuery(request, reply, parsed);
    const { query } = parsed;
    const read = async (signal: AbortSignal) => pageBody(query, await options.store.findMessages(query, { signal }));
    const headers = (text: string) => {
      const cursor = nextCursorIn(text);
      if (cursor === undefined) return;
      const { limit } = query;
      linkNext(reply, { path: "/messages", parameters, names: LINKED, limit, from: ["cursor", cursor] });
    };
    return sendAnswer(request, reply, options, { parts: ["messages", query], read, headers });
  });
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

const SCHEMA = {
  summary: "List messages",
  description:
    "In the order of their instant, then of their id. Numbers out of range are moved to the nearest that is not. " +
    "What would have to look at too many messages is refused with 422, type `too_broad`, and told how to narrow it.",
  tags: ["messages"],
  querystring: Type.Object({
    ...PageParameters,
    ...ListParameters,
    count: Type.Optional(
      Type.String({
        enum: ["exact", "none"],
        default: "exact",
        description:
          "`none` leaves the total out, which makes a search of many messages quicker. A page may then be shorter than the limit, or empty, and still have a `next_cursor`.",
      }),
    ),
    cursor: Type.Optional(
      Type.String({
        description:
          "`next_cursor` or `prev_cursor` of another page, with the same filters and the same order. The limit may differ.",
      }),
    ),
  }),
  response: {
    200: Type.Object(
      {
        data: Type.Array(MessageBodySchema),
        total: Type.Union([Type.Integer(), Type.Null()], {
          description: "All that match, before limit and offset. Null with `count=none`.",
        }),
        limit: Type.Integer(),
        offset: Type.Integer(),
        next_cursor: Type.Union([Type.String(), Type.Null()], {
          description: "Leads to the page behind this one. Null on the last page.",
        }),
        prev_cursor: Type.Union([Type.String(), Type.Null()], {
          description: "Leads to the page before this one. Null on the first page.",
        }),
      },
      { description: "One page.", headers: LinkHeader },
    ),
    ...NotModifiedResponse,
    ...problemResponses(400, 422, 429, 500, 503),
  },
};

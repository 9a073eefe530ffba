import type { FastifyInstance } from "fastify";
import Type from "typebox";
import { encodeCursor } from "../../domain/cursor.ts";
import type { MessageId } from "../../domain/message.ts";
import {
  LIMIT_DEFAULT,
  LIMIT_MAX,
  type MessageQuery,
  parseMessageQuery,
  SEARCH_CODE_POINTS_MAX,
} from "../../domain/message-query.ts";
import { instantOf } from "../../domain/timestamp.ts";
import type { MessagePage, Store, StoredMessage } from "../../store/store.ts";
import { sendJson } from "../json.ts";
import { sendProblem } from "../problem.ts";
import { problemResponses } from "../schemas.ts";

/** `GET /messages`: a page of stored messages, filtered, with the exact number of all that match. */
export function messagesRoute(
  server: FastifyInstance,
  { store }: { readonly store: Pick<Store, "findMessages"> },
): void {
  server.get("/messages", { schema: SCHEMA }, async (request, reply) => {
    const parsed = parseMessageQuery(request.query as Record<string, string>);
    if (!parsed.ok && parsed.reason === "invalid_cursor")
      return sendProblem(request, reply, { status: 400, detail: "invalid cursor" });
    if (!parsed.ok)
      return sendProblem(request, reply, { status: 422, detail: "validation error", issues: parsed.issues });
    const page = await store.findMessages(parsed.query);
    return sendJson(reply, pageBody(parsed.query, page));
  });
}

function pageBody(query: MessageQuery, page: MessagePage) {
  const last = page.messages.at(-1);
  return {
    data: page.messages.map(messageBody),
    total: page.total,
    limit: query.limit,
    offset: query.offset,
    next_cursor: page.more && last !== undefined ? encodeCursor(positionOf(last), query.filter) : null,
  };
}

function positionOf({ ts, messageId, source }: StoredMessage) {
  return { instant: instantOf(ts), messageId: messageId as MessageId, source };
}

/** `from_msisdn` and `to_msisdn` are what the older service's clients may read. */
function messageBody({ messageId, from, to, ts, text, createdAt }: StoredMessage) {
  return { message_id: messageId, from, to, ts, text, created_at: createdAt, from_msisdn: from, to_msisdn: to };
}

const SCHEMA = {
  summary: "List messages",
  description:
    "In the order of their instant, then of their id. Numbers out of range are moved to the nearest that is not.",
  tags: ["messages"],
  querystring: Type.Object({
    limit: Type.Optional(Type.Integer({ default: LIMIT_DEFAULT, description: `1 to ${LIMIT_MAX}.` })),
    offset: Type.Optional(Type.Integer({ default: 0, description: "How many to pass over. Ignored with a cursor." })),
    from: Type.Optional(Type.String({ description: "The exact sender." })),
    since: Type.Optional(
      Type.String({ description: "At or after this moment: a timestamp with Z or +00:00, or a date." }),
    ),
    q: Type.Optional(
      Type.String({
        maxLength: SEARCH_CODE_POINTS_MAX,
        description: "A literal part of the text, without regard to case.",
      }),
    ),
    cursor: Type.Optional(Type.String({ description: "`next_cursor` of the page before, with the same filters." })),
  }),
  response: {
    200: Type.Object(
      {
        data: Type.Array(
          Type.Object({
            message_id: Type.String(),
            from: Type.String(),
            to: Type.String(),
            ts: Type.String({ description: "As it was sent." }),
            text: Type.Union([Type.String(), Type.Null()]),
            created_at: Type.String({ description: "When it was received." }),
            from_msisdn: Type.String(),
            to_msisdn: Type.String(),
          }),
        ),
        total: Type.Integer({ description: "All that match, before limit and offset." }),
        limit: Type.Integer(),
        offset: Type.Integer(),
        next_cursor: Type.Union([Type.String(), Type.Null()], { description: "Null on the last page." }),
      },
      { description: "One page." },
    ),
    ...problemResponses(400, 422, 500, 503),
  },
};

import { STATUS_CODES } from "node:http";
import Type, { type TSchema } from "typebox";
import { LIMIT_DEFAULT, LIMIT_MAX, SEARCH_CODE_POINTS_MAX } from "../domain/message-query.ts";
import type { StoredMessage } from "../store/store.ts";

// What several routes take and answer, for the documentation.

const MOMENT =
  "a timestamp with Z or another offset, without one (UTC), with or without seconds, or a date, which is its midnight in UTC";

/** The span of time of a list or a timeline, for the documentation. */
export const SpanParameters = {
  since: Type.Optional(Type.String({ description: `At or after this moment: ${MOMENT}.` })),
  until: Type.Optional(Type.String({ description: `Before this moment: ${MOMENT}.` })),
};

export const FromParameter = {
  from: Type.Optional(Type.String({ description: "The exact sender. Digits alone get their + back." })),
};

/** Which messages, and from which end. */
export const ListParameters = {
  ...FromParameter,
  to: Type.Optional(Type.String({ description: "The exact receiver. Digits alone get their + back." })),
  source: Type.Optional(Type.String({ description: "The exact source: the route they came in by, `native` for one." })),
  ...SpanParameters,
  q: Type.Optional(
    Type.String({
      maxLength: SEARCH_CODE_POINTS_MAX,
      description: `A literal part of the text, without regard to case and compared in NFC, of at most ${SEARCH_CODE_POINTS_MAX} code points.`,
    }),
  ),
  order: Type.Optional(
    Type.String({
      enum: ["asc", "desc"],
      default: "asc",
      description: "`asc` begins with the oldest, `desc` with the newest.",
    }),
  ),
};

/** Which part of a list. */
export const PageParameters = {
  limit: Type.Optional(
    Type.Integer({
      default: LIMIT_DEFAULT,
      description: `1 to ${LIMIT_MAX}; others are clamped, and the answer has the effective one.`,
    }),
  ),
  offset: Type.Optional(Type.Integer({ default: 0, description: "How many to pass over. Ignored with a cursor." })),
};

/** A message as every route tells it. `from_msisdn` and `to_msisdn` are what the older service's clients may read. */
export function messageBody({ messageId, from, to, ts, text, createdAt }: StoredMessage) {
  return { message_id: messageId, from, to, ts, text, created_at: createdAt, from_msisdn: from, to_msisdn: to };
}

export const MessageBodySchema = Type.Object({
  message_id: Type.String(),
  from: Type.String(),
  to: Type.String(),
  ts: Type.String({ description: "As it was sent." }),
  text: Type.Union([Type.String(), Type.Null()]),
  created_at: Type.String({ description: "When it was received." }),
  from_msisdn: Type.String(),
  to_msisdn: Type.String(),
});

/** One problem of an input. */
const IssueSchema = Type.Object({
  type: Type.String(),
  loc: Type.Array(Type.Union([Type.String(), Type.Integer()])),
  msg: Type.String(),
  input: Type.Optional(Type.Unknown()),
  ctx: Type.Optional(Type.Object({}, { additionalProperties: Type.Unknown() })),
});

const Problem = Type.Object({ detail: Type.String() });
const ValidationProblem = Type.Object({ detail: Type.Array(IssueSchema) });

/** The error answers of a route, for the documentation. */
export function problemResponses(...statuses: readonly number[]): Record<number, TSchema> {
  return Object.fromEntries(
    statuses.map((status) => [
      status,
      { ...(status === 422 ? ValidationProblem : Problem), description: STATUS_CODES[status] },
    ]),
  );
}

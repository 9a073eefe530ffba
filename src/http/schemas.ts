import { STATUS_CODES } from "node:http";
import Type, { type TSchema } from "typebox";
import { LIMIT_DEFAULT, LIMIT_MAX, SEARCH_CODE_POINTS_MAX } from "../domain/message-query.ts";
import type { StoredMessage } from "../store/store.ts";

// The inputs and outputs that several routes share, for the documentation.

const MOMENT =
  "a timestamp with Z or another offset, or without one (UTC), with or without seconds; or a date, which means 00:00 UTC";

/** The time span of a list or a timeline, for the documentation. */
export const SpanParameters = {
  since: Type.Optional(
    Type.String({ description: `Only messages at or after this time: ${MOMENT}.` }),
  ),
  until: Type.Optional(Type.String({ description: `Only messages before this time: ${MOMENT}.` })),
};

export const FromParameter = {
  from: Type.Optional(
    Type.String({
      description: "Only messages of exactly this sender. A `+` is added to digits alone.",
    }),
  ),
};

/** The filters and the order of a list. */
export const ListParameters = {
  ...FromParameter,
  to: Type.Optional(
    Type.String({
      description: "Only messages to exactly this receiver. A `+` is added to digits alone.",
    }),
  ),
  source: Type.Optional(
    Type.String({
      description: "Only messages of exactly this source. `native` is `POST /webhook`.",
    }),
  ),
  ...SpanParameters,
  q: Type.Optional(
    Type.String({
      maxLength: SEARCH_CODE_POINTS_MAX,
      description: `Only messages whose text contains this literal string, in any case, compared in NFC. At most ${SEARCH_CODE_POINTS_MAX} code points.`,
    }),
  ),
  order: Type.Optional(
    Type.String({
      enum: ["asc", "desc"],
      default: "asc",
      description: "`asc`: the oldest first. `desc`: the newest first.",
    }),
  ),
};

/** The page of a list. */
export const PageParameters = {
  limit: Type.Optional(
    Type.Integer({
      default: LIMIT_DEFAULT,
      description: `1 to ${LIMIT_MAX}. Other values are clamped; the response has the effective limit.`,
    }),
  ),
  offset: Type.Optional(
    Type.Integer({ default: 0, description: "How many entries to skip. Ignored with a cursor." }),
  ),
};

/**
 * A message as every route returns it. Clients of the Python service may read `from_msisdn` and
 * `to_msisdn`.
 */
export function messageBody({ messageId, from, to, ts, text, createdAt }: StoredMessage) {
  return {
    message_id: messageId,
    from,
    to,
    ts,
    text,
    created_at: createdAt,
    from_msisdn: from,
    to_msisdn: to,
  };
}

export const MessageBodySchema = Type.Object({
  message_id: Type.String({ description: "The id that the sender gave the message." }),
  from: Type.String({ description: "The sender." }),
  to: Type.String({ description: "The receiver." }),
  ts: Type.String({ description: "When the message was sent, as spelt by the sender." }),
  text: Type.Union([Type.String(), Type.Null()], {
    description: "The text; null when the message has none.",
  }),
  created_at: Type.String({ description: "When the message was received, in UTC." }),
  from_msisdn: Type.String({
    description: "The same as `from`, for clients of the Python service.",
  }),
  to_msisdn: Type.String({ description: "The same as `to`, for clients of the Python service." }),
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

/** What an error status means on every route. */
const MEANINGS: Readonly<Record<number, string>> = {
  400: "the cursor is invalid, or belongs to other filters.",
  401: "the API key is missing or invalid.",
  403: "the API key does not have the required scope.",
  404: "it does not exist.",
  409: "it conflicts with what exists; `detail` says how.",
  413: "the body is too large.",
  415: "the body has a content encoding, which is not supported.",
  422: "a field or parameter is invalid; `detail` lists each.",
  429: "a rate limit was exceeded. `Retry-After` says when to try again.",
  500: "an unexpected error. The outcome is unknown.",
  503: "the database is unavailable, or the service is overloaded or shutting down. Send it again after `Retry-After`.",
};

/** The error responses of a route, for the documentation. */
export function problemResponses(...statuses: readonly number[]): Record<number, TSchema> {
  return Object.fromEntries(
    statuses.map((status) => [
      status,
      {
        ...(status === 422 ? ValidationProblem : Problem),
        description: `${STATUS_CODES[status]}: ${MEANINGS[status]}`,
      },
    ]),
  );
}

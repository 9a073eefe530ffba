import { STATUS_CODES } from "node:http";
import { LIMIT_DEFAULT, LIMIT_MAX, SEARCH_CODE_POINTS_MAX } from "../domain/message-query.ts";
import type { StoredMessage } from "../store/store.ts";
import { type JsonSchema, Schema } from "./json-schema.ts";

// The inputs and outputs that several routes share, for the documentation.

const MOMENT =
  "a timestamp with Z or another offset, or without one (UTC), with or without seconds; or a date, which means 00:00 UTC";

/** The time span of a list or a timeline, for the documentation. */
export const SpanParameters = {
  since: Schema.optional(
    Schema.string({ description: `Only messages at or after this time: ${MOMENT}.` }),
  ),
  until: Schema.optional(
    Schema.string({ description: `Only messages before this time: ${MOMENT}.` }),
  ),
};

export const FromParameter = {
  from: Schema.optional(
    Schema.string({
      description: "Only messages of exactly this sender. A `+` is added to digits alone.",
    }),
  ),
};

/** The filters and the order of a list. */
export const ListParameters = {
  ...FromParameter,
  to: Schema.optional(
    Schema.string({
      description: "Only messages to exactly this receiver. A `+` is added to digits alone.",
    }),
  ),
  source: Schema.optional(
    Schema.string({
      description: "Only messages of exactly this source. `native` is `POST /webhook`.",
    }),
  ),
  ...SpanParameters,
  q: Schema.optional(
    Schema.string({
      maxLength: SEARCH_CODE_POINTS_MAX,
      description: `Only messages whose text contains this literal string, in any case, compared in NFC. At most ${SEARCH_CODE_POINTS_MAX} code points.`,
    }),
  ),
  order: Schema.optional(
    Schema.string({
      enum: ["asc", "desc"],
      default: "asc",
      description: "`asc`: the oldest first. `desc`: the newest first.",
    }),
  ),
};

/** The page of a list. */
export const PageParameters = {
  limit: Schema.optional(
    Schema.integer({
      default: LIMIT_DEFAULT,
      description: `1 to ${LIMIT_MAX}. Other values are clamped; the response has the effective limit.`,
    }),
  ),
  offset: Schema.optional(
    Schema.integer({ default: 0, description: "How many entries to skip. Ignored with a cursor." }),
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

export const MessageBodySchema = Schema.object({
  message_id: Schema.string({ description: "The id that the sender gave the message." }),
  from: Schema.string({ description: "The sender." }),
  to: Schema.string({ description: "The receiver." }),
  ts: Schema.string({ description: "When the message was sent, as spelt by the sender." }),
  text: Schema.union([Schema.string(), Schema.null()], {
    description: "The text; null when the message has none.",
  }),
  created_at: Schema.string({ description: "When the message was received, in UTC." }),
  from_msisdn: Schema.string({
    description: "The same as `from`, for clients of the Python service.",
  }),
  to_msisdn: Schema.string({ description: "The same as `to`, for clients of the Python service." }),
});

/** One problem of an input. */
const IssueSchema = Schema.object({
  type: Schema.string(),
  loc: Schema.array(Schema.union([Schema.string(), Schema.integer()])),
  msg: Schema.string(),
  input: Schema.optional(Schema.unknown()),
  ctx: Schema.optional(Schema.object({}, { additionalProperties: Schema.unknown() })),
});

const Problem = Schema.object({ detail: Schema.string() });
const ValidationProblem = Schema.object({ detail: Schema.array(IssueSchema) });

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
export function problemResponses(...statuses: readonly number[]): Record<number, JsonSchema> {
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

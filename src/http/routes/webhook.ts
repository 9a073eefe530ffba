import {
  MESSAGE_ID_BYTES_MAX,
  type MessageId,
  MSISDN_PATTERN,
  TEXT_CODE_POINTS_MAX,
} from "../../domain/message.ts";
import { UTC_TIMESTAMP_PATTERN } from "../../domain/timestamp.ts";
import { type IngestOptions, type IngestOutcome, ingest } from "../../ingest/ingest.ts";
import { Schema } from "../json-schema.ts";
import type { RateLimiting } from "../rate-limit.ts";
import { invalid, json, problem, type Reply } from "../reply.ts";
import type { Request, Route, RouteSchema } from "../route.ts";
import { problemResponses } from "../schemas.ts";

export interface WebhookRouteOptions extends IngestOptions {
  readonly limiting: RateLimiting;
  readonly bodyBytesMax: number;
}

export const WEBHOOK_PATH = "/webhook";
const MESSAGE_ID_CHARACTERS_MAX = 128;
const ACCEPTED = json({ status: "ok" });

/** `POST /webhook`: takes one signed message. 200 means that it is on disk. */
export function webhookRoute(options: WebhookRouteOptions): Route {
  const { limiting, bodyBytesMax } = options;
  return {
    method: "POST",
    path: WEBHOOK_PATH,
    access: "open",
    limits: { bodyBytesMax, countsBodies: true, plainBodiesOnly: true },
    schema: SCHEMA,
    admission: "message",
    countsResults: true,
    outlivesClient: true,
    withoutCors: true,
    handle: async (request) => {
      const { headers, body, trace } = request;
      return replyTo(request, await ingest(options, { headers, body }, trace), limiting);
    },
  };
}

/** The only place where an outcome becomes a status. */
function replyTo(request: Request, outcome: IngestOutcome, limiting: RateLimiting): Reply {
  if ("decision" in outcome && outcome.decision?.allowed)
    limiting.addHeaders(request, "sender", outcome.decision);
  switch (outcome.kind) {
    case "created":
    case "duplicate":
      return { ...ACCEPTED, log: logOf(outcome.messageId), result: outcome.kind };
    case "conflict":
      return {
        ...ACCEPTED,
        log: { ...logOf(outcome.messageId), conflict: true },
        result: "duplicate",
      };
    case "invalid_signature": {
      const refused =
        limiting.refuseFailure(request, "failed_signature") ??
        problem(401, "invalid signature", { result: "invalid_signature" });
      return { ...refused, log: { ...outcome.refusal, ...refused.log } };
    }
    case "rate_limited": {
      const refused = limiting.refuse(request, "sender", outcome.decision);
      return { ...refused, log: { ...logOf(outcome.messageId), ...refused.log } };
    }
    case "invalid":
      return invalid(outcome.issues, { log: logOf(outcome.messageId) });
  }
}

function logOf(messageId: MessageId | undefined): Readonly<Record<string, unknown>> {
  return messageId === undefined
    ? {}
    : { message_id: messageId.slice(0, MESSAGE_ID_CHARACTERS_MAX) };
}

const phoneNumber = (description: string) =>
  Schema.string({ pattern: MSISDN_PATTERN, description });

/** The body. `parseMessage` checks it, by the same limits. */
export const MESSAGE_BODY = Schema.object(
  {
    message_id: Schema.string({
      minLength: 1,
      description: `The id that the sender gives the message, at most ${MESSAGE_ID_BYTES_MAX} bytes of UTF-8. Sending the same id again changes nothing.`,
    }),
    from: phoneNumber("The sender. `from_msisdn` is accepted as another name."),
    to: phoneNumber("The receiver. `to_msisdn` is accepted as another name."),
    ts: Schema.string({
      pattern: UTC_TIMESTAMP_PATTERN,
      description:
        "When the message was sent, in UTC. It is stored as spelt. Seconds are optional.",
    }),
    text: Schema.optional(
      Schema.union([Schema.string({ maxLength: TEXT_CODE_POINTS_MAX }), Schema.null()], {
        description: `The text, at most ${TEXT_CODE_POINTS_MAX} code points.`,
      }),
    ),
  },
  {
    examples: [
      {
        message_id: "m1",
        from: "+919876543210",
        to: "+14155550100",
        ts: "2025-01-15T10:00:00Z",
        text: "Hello",
      },
    ],
  },
);

const SCHEMA: RouteSchema = {
  operationId: "receiveMessage",
  summary: "Receive one message",
  description:
    "Verifies the signature over the raw body, then stores the message once. A 200 is sent only after the message is " +
    "committed and fsynced. After a 5xx the outcome is unknown. Send the message again: its id prevents duplicates.",
  tags: ["messages"],
  headers: Schema.object({
    "x-signature": Schema.string({
      pattern: "^[0-9a-fA-F]{64}$",
      description: "The HMAC-SHA256 of the raw body with a webhook secret, as hex.",
    }),
  }),
  body: MESSAGE_BODY,
  response: {
    200: Schema.object(
      { status: Schema.literal("ok") },
      { description: "The message is stored, now or before." },
    ),
    ...problemResponses(401, 413, 415, 422, 429, 500, 503),
    401: Schema.object(
      { detail: Schema.string() },
      { description: "Unauthorized: the signature is missing or wrong." },
    ),
  },
};

import { parseJson } from "../../domain/json.ts";
import { NATIVE_SOURCE } from "../../domain/message.ts";
import { parseTestMessageRequest, TEST_TEXT_DEFAULT } from "../../domain/test-message-request.ts";
import type { IngestOutcome } from "../../ingest/ingest.ts";
import type { TestMessage, TestMessages } from "../../ingest/test-messages.ts";
import { actorIn } from "../auth.ts";
import { Schema } from "../json-schema.ts";
import type { RateLimiting } from "../rate-limit.ts";
import { invalid, json, problem, type Reply } from "../reply.ts";
import type { Request, Route, RouteSchema } from "../route.ts";
import { problemResponses } from "../schemas.ts";
import { WEBHOOK_PATH } from "./webhook.ts";

/** A text has at most 4,096 code points, each of which takes up to 12 bytes as escapes. */
const BODY_BYTES_MAX = 64 * 1_024;
const NO_SECRET = problem(
  409,
  "no webhook secret is accepted, so nothing can be signed: set WEBHOOK_SECRET, or add a secret",
);

export interface TestMessagesRouteOptions {
  readonly testMessages: Pick<TestMessages, "sources" | "compose" | "send" | "noteSigned">;
  readonly limiting: RateLimiting;
  /** The longest webhook. */
  readonly bodyBytesMax: number;
}

/**
 * `POST /test-messages`: makes a signed message and takes it in like a webhook. No sender sent
 * it, so it is not in `webhook_requests_total`.
 */
export function testMessagesRoute(options: TestMessagesRouteOptions): Route {
  return {
    method: "POST",
    path: "/test-messages",
    access: "admin",
    limits: { bodyBytesMax: BODY_BYTES_MAX, countsBodies: true },
    schema: SCHEMA,
    admission: "message",
    outlivesClient: true,
    withoutCors: true,
    handle: (request) => makeTestMessage(options, request),
  };
}

async function makeTestMessage(
  { testMessages, limiting, bodyBytesMax }: TestMessagesRouteOptions,
  request: Request,
): Promise<Reply> {
  const body = parseJson(request.body);
  if (!body.ok) return invalid([body.issue]);
  const parsed = parseTestMessageRequest(body.value, testMessages);
  if (!parsed.ok) return invalid(parsed.issues);
  const test = testMessages.compose(parsed.request.text);
  if (test === undefined) return NO_SECRET;
  if (test.webhook.body.length > bodyBytesMax) return problem(413, "payload too large");
  const actor = actorIn(request);
  if (!parsed.request.send) {
    await testMessages.noteSigned(test, actor);
    return made(test, null);
  }
  const outcome = await testMessages.send(test, actor, request.trace);
  return replyTo(outcome, test, (decision) => limiting.refuse(request, "sender", decision));
}

function replyTo(
  outcome: IngestOutcome,
  test: TestMessage,
  refuse: (decision: Extract<IngestOutcome, { kind: "rate_limited" }>["decision"]) => Reply,
): Reply {
  switch (outcome.kind) {
    case "created":
    case "duplicate":
    case "conflict":
      return made(test, outcome.kind);
    // The secret has ended since the message was signed.
    case "invalid_signature":
      return NO_SECRET;
    case "rate_limited":
      return refuse(outcome.decision);
    case "invalid":
      return invalid(outcome.issues);
  }
}

/** The log line has the id of the message, and neither its signature nor its text. */
function made(
  { messageId, webhook: { headers, body } }: TestMessage,
  result: "created" | "duplicate" | "conflict" | null,
): Reply {
  const request = { path: WEBHOOK_PATH, headers, body: body.toString() };
  return json({ message_id: messageId, result, request }, { log: { message_id: messageId } });
}

const SCHEMA: RouteSchema = {
  operationId: "makeTestMessage",
  summary: "Make a test message",
  description:
    "Makes a message with the id `lyftr-test-…` from `+999000000001`, signs it with the first accepted webhook secret, " +
    "and takes it in as `POST /webhook` does. The message is stored, listed and counted like all others. It is not " +
    "counted as a webhook of a sender, and not as a use of the secret. After a 5xx it may be stored. Without a webhook " +
    "secret the answer is 409.",
  tags: ["administration"],
  body: Schema.object({
    text: Schema.optional(
      Schema.union([Schema.string(), Schema.null()], {
        default: TEST_TEXT_DEFAULT,
        description: "The text, with the bounds of a webhook's text. Null: none.",
      }),
    ),
    source: Schema.optional(
      Schema.string({ enum: [NATIVE_SOURCE], default: NATIVE_SOURCE, description: "The source." }),
    ),
    send: Schema.optional(
      Schema.boolean({
        default: true,
        description: "With false the message is made and signed, and not taken in.",
      }),
    ),
  }),
  response: {
    200: Schema.object(
      {
        message_id: Schema.string({ description: "The id of the message." }),
        result: Schema.union(
          [Schema.string({ enum: ["created", "duplicate", "conflict"] }), Schema.null()],
          { description: "What became of the message. Null: it was not sent." },
        ),
        request: Schema.object(
          {
            path: Schema.string(),
            headers: Schema.object({}, { additionalProperties: Schema.string() }),
            body: Schema.string({ description: "The exact text that is signed." }),
          },
          { description: "The signed webhook, for example to send it with curl." },
        ),
      },
      { description: "The message is stored, or only made with `send` false." },
    ),
    ...problemResponses(409, 413, 422, 429, 500, 503),
  },
};

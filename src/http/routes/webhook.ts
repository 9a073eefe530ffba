import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import Type from "typebox";
import { MessageBody } from "../../domain/message.ts";
import { type IngestOptions, type IngestOutcome, ingest } from "../../ingest/ingest.ts";
import type { Metrics, WebhookResult } from "../../observe/metrics.ts";
import { BodyBudget } from "../body-budget.ts";
import { sendJsonText } from "../json.ts";
import { sendProblem } from "../problem.ts";
import { type LimitingOptions, refuse, refuseFailure, tellLimit } from "../rate-limit.ts";
import { problemResponses } from "../schemas.ts";

export interface WebhookRouteOptions extends IngestOptions, LimitingOptions {
  readonly bodyBytesMax: number;
  readonly metrics: Pick<Metrics, "webhookRequests" | "webhookConflicts" | "requestsShed" | "rateLimited">;
}

const MESSAGE_ID_CHARACTERS_MAX = 128;
const ACCEPTED = JSON.stringify({ status: "ok" });

/** `POST /webhook`: takes one signed message. 200 means that it is on disk. */
export function webhookRoute(server: FastifyInstance, options: WebhookRouteOptions): void {
  const { webhookRequests, webhookConflicts } = options.metrics;
  const budget = new BodyBudget(options.metrics);
  // The signature covers the bytes, so the bytes are what the handler gets, whatever Content-Type says.
  server.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, done) => done(null, body));
  server.route({
    method: "POST",
    url: "/webhook",
    schema: SCHEMA,
    config: {
      access: "open",
      finished: (request, status) => {
        const result = (request.logged?.result as WebhookResult | undefined) ?? resultOf(status);
        webhookRequests.inc({ result });
        if (request.logged?.conflict === true) webhookConflicts.inc();
        return { dup: result === "duplicate", result };
      },
    },
    onRequest: (request, reply, done) => {
      const encoding = request.headers["content-encoding"];
      if (encoding && encoding.trim().toLowerCase() !== "identity") {
        sendProblem(request, reply, {
          status: 415,
          detail: "unsupported content encoding",
          headers: { connection: "close" },
        });
        return;
      }
      // Fastify would answer 415 to a type it cannot parse.
      request.raw.headers["content-type"] = undefined;
      done();
    },
    // As late as can be: what counts the bytes must not make them flow before somebody takes them.
    preParsing: (request, reply, payload, done) => {
      budget.count(request, reply);
      done(null, payload);
    },
    handler: async (request, reply) => {
      const body = (request.body as Buffer | undefined) ?? Buffer.alloc(0);
      const outcome = ingest(options, { headers: request.headers, body }, request.trace);
      request.pending = outcome;
      return answer(request, reply, await outcome, options);
    },
  });
}

function answer(
  request: FastifyRequest,
  reply: FastifyReply,
  outcome: IngestOutcome,
  options: WebhookRouteOptions,
): FastifyReply {
  if ("decision" in outcome && outcome.decision?.allowed) tellLimit(request, reply, "sender", outcome.decision);
  switch (outcome.kind) {
    case "created":
      request.logged = { message_id: cut(outcome.messageId), result: "created" };
      return sendJsonText(reply, ACCEPTED);
    case "duplicate":
      request.logged = { message_id: cut(outcome.messageId), result: "duplicate" };
      return sendJsonText(reply, ACCEPTED);
    case "conflict":
      request.logged = { message_id: cut(outcome.messageId), result: "duplicate", conflict: true };
      return sendJsonText(reply, ACCEPTED);
    case "invalid_signature":
      request.logged = { ...outcome.refusal };
      if (refuseFailure(request, reply, "failed_signature", options)) return reply;
      return sendProblem(request, reply, { status: 401, detail: "invalid signature" });
    case "rate_limited":
      request.logged = { message_id: cut(outcome.messageId) };
      return refuse(request, reply, "sender", outcome.decision, options);
    case "invalid":
      if (outcome.messageId !== undefined) request.logged = { message_id: cut(outcome.messageId) };
      return sendProblem(request, reply, { status: 422, detail: "validation error", issues: outcome.issues });
  }
}

/** What a request came to that did not reach the store, told by its status. */
function resultOf(status: number): WebhookResult {
  switch (status) {
    case 401:
      return "invalid_signature";
    case 413:
      return "too_large";
    case 415:
      return "unsupported";
    case 422:
      return "validation_error";
    case 429:
      return "rate_limited";
    case 503:
      return "unavailable";
    default:
      return "error";
  }
}

function cut(messageId: string): string {
  return messageId.slice(0, MESSAGE_ID_CHARACTERS_MAX);
}

const SCHEMA = {
  summary: "Receive one message",
  description:
    "Verifies the signature over the raw body, then stores the message once. A 200 is sent only after it is committed and fsynced. " +
    "After a 5xx the outcome is unknown: send again, the id makes it safe.",
  tags: ["messages"],
  headers: Type.Object({
    "x-signature": Type.String({
      pattern: "^[0-9a-fA-F]{64}$",
      description: "Hex HMAC-SHA256 of the raw body with WEBHOOK_SECRET.",
    }),
  }),
  body: MessageBody,
  response: {
    200: Type.Object({ status: Type.Literal("ok") }, { description: "Stored now, or stored before." }),
    ...problemResponses(401, 413, 415, 422, 429, 500, 503),
  },
};

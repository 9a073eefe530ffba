import type { FastifyReply } from "fastify";

const asIs = (payload: unknown) => payload as string;

/** Sends compact JSON as `content-type: application/json`, to the byte: without a serializer of ours Fastify adds a charset. */
export function sendJson(reply: FastifyReply, body: unknown): FastifyReply {
  return sendJsonText(reply, JSON.stringify(body));
}

/** The same for text that is JSON already. A string leaves in one write with its headers, a buffer takes two. */
export function sendJsonText(reply: FastifyReply, text: string, type = "application/json"): FastifyReply {
  return reply.header("content-type", type).serializer(asIs).send(text);
}

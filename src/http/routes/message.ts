import type { FastifyInstance } from "fastify";
import Type from "typebox";
import { exact, type Parameters } from "../../domain/parameters.ts";
import type { Store } from "../../store/store.ts";
import { sendJson } from "../json.ts";
import { MessageBodySchema, messageBody } from "../message-body.ts";
import { sendProblem } from "../problem.ts";
import { problemResponses } from "../schemas.ts";

/** `GET /messages/{message_id}`: one message, as the list tells it. */
export function messageRoute(server: FastifyInstance, { store }: { readonly store: Pick<Store, "findMessage"> }): void {
  server.get("/messages/:message_id", { schema: SCHEMA }, async (request, reply) => {
    const { message_id: messageId } = request.params as { readonly message_id: string };
    const { source } = request.query as Parameters;
    const message = await store.findMessage(messageId, exact(source));
    if (message === undefined) return sendProblem(request, reply, { status: 404, detail: "Not Found" });
    return sendJson(reply, messageBody(message));
  });
}

const SCHEMA = {
  summary: "Read one message",
  description:
    "The id is escaped as any part of a path, a slash as `%2F`. A message whose id is `export` is to be had from the list only.",
  tags: ["messages"],
  params: Type.Object({ message_id: Type.String({ description: "The sender's id of the message." }) }),
  querystring: Type.Object({
    source: Type.Optional(
      Type.String({ description: "Two sources may use the same id. Without it the first of them by bytes is meant." }),
    ),
  }),
  response: {
    200: Type.Object(MessageBodySchema.properties, { description: "The message." }),
    ...problemResponses(404, 429, 500, 503),
  },
};

import type { FastifyInstance } from "fastify";
import Type from "typebox";
import { msisdn } from "../../domain/parameters.ts";
import { actorOf } from "../../keys/api-keys.ts";
import type { Eraser } from "../../retention/eraser.ts";
import { sendJson } from "../json.ts";
import { problemResponses } from "../schemas.ts";

/** `DELETE /senders/{msisdn}`: erases a person. It goes on to its end when the client does not wait for it. */
export function senderRoute(server: FastifyInstance, { eraser }: { readonly eraser: Pick<Eraser, "erase"> }): void {
  server.delete("/senders/:msisdn", { schema: SCHEMA, config: { access: "admin" } }, async (request, reply) => {
    const number = msisdn((request.params as { readonly msisdn: string }).msisdn) ?? "";
    // The route is for holders of a key only.
    const actor = request.apiKey === undefined ? "" : actorOf(request.apiKey);
    const erasure = eraser.erase(number, actor);
    request.pending = erasure;
    const { messages, remains } = await erasure;
    return sendJson(reply, { messages_deleted: messages, remains });
  });
}

const SCHEMA = {
  summary: "Erase a person",
  description:
    "Deletes every message from the number and to it, with what indexes hold of them. Their ids stay known for TOMBSTONE_DAYS, so that a late retry " +
    "does not bring one back. It takes as long as there are messages; after a 5xx some are deleted, and the same call goes on. Needs an admin key.",
  tags: ["messages"],
  params: Type.Object({
    msisdn: Type.String({
      description: "The number as `from` has it; its `+` is escaped as `%2B`, or left out before digits.",
    }),
  }),
  response: {
    200: Type.Object(
      {
        messages_deleted: Type.Integer({ description: "How many this call deleted; 0 when there were none." }),
        remains: Type.Array(Type.String(), { description: "What may still hold something of them, a sentence each." }),
      },
      { description: "Nothing from or to the number is left." },
    ),
    ...problemResponses(429, 500, 503),
  },
};

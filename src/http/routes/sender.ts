import Type from "typebox";
import { msisdn } from "../../domain/query-params.ts";
import type { Eraser } from "../../retention/eraser.ts";
import { actorIn } from "../auth.ts";
import { json } from "../reply.ts";
import type { Route, RouteSchema } from "../route.ts";
import { problemResponses } from "../schemas.ts";

/** `DELETE /senders/{msisdn}`: erases a person, to its end even when the client does not wait for it. */
export function senderRoute({ eraser }: { readonly eraser: Pick<Eraser, "erase"> }): Route {
  return {
    method: "DELETE",
    path: "/senders/:msisdn",
    access: "admin",
    schema: SCHEMA,
    outlivesClient: true,
    handle: async (request) => {
      const number = msisdn(request.params.msisdn) ?? "";
      const { messages, remains } = await eraser.erase(number, actorIn(request));
      return json({ messages_deleted: messages, remains });
    },
  };
}

const SCHEMA: RouteSchema = {
  operationId: "eraseSender",
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

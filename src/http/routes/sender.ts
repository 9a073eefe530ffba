import { msisdn } from "../../domain/query-params.ts";
import type { Eraser, Erasure } from "../../retention/eraser.ts";
import { actorIn } from "../auth.ts";
import { Schema } from "../json-schema.ts";
import { json } from "../reply.ts";
import type { Route, RouteSchema } from "../route.ts";
import { problemResponses } from "../schemas.ts";

/** `DELETE /senders/{msisdn}`: erases a person. It finishes even if the client does not wait. */
export function senderRoute({ eraser }: { readonly eraser: Pick<Eraser, "erase"> }): Route {
  return {
    method: "DELETE",
    path: "/senders/:msisdn",
    access: "admin",
    schema: SCHEMA,
    outlivesClient: true,
    handle: async (request) => {
      const number = msisdn(request.params.msisdn) ?? "";
      return json(erasureBody(await eraser.erase(number, actorIn(request))));
    },
  };
}

/** The result of an erasure, as every route returns it. */
export function erasureBody({ messages, remains }: Erasure) {
  return { messages_deleted: messages, remains };
}

export const ErasureSchema = Schema.object(
  {
    messages_deleted: Schema.integer({
      description: "The number of messages that this request deleted.",
    }),
    remains: Schema.array(Schema.string(), {
      description: "Sentences that name what may still store data of the person, such as backups.",
    }),
  },
  { description: "No message from or to the number is left." },
);

/** What an erasure does, for the documentation. */
export const ERASURE =
  "Deletes every message from the number and to it, and what indexes store of them. The ids stay known for " +
  "TOMBSTONE_DAYS, so that a late retry does not bring a message back. The time it takes grows with the number of " +
  "messages. After a 5xx some are deleted; send the request again to continue.";

const SCHEMA: RouteSchema = {
  operationId: "eraseSender",
  summary: "Erase a person",
  description: `${ERASURE} \`POST /erasures\` does the same with the number in no path.`,
  tags: ["messages"],
  params: Schema.object({
    msisdn: Schema.string({
      description: "The number, as in `from`. Its `+` is escaped as `%2B`, or omitted.",
    }),
  }),
  response: {
    200: ErasureSchema,
    ...problemResponses(429, 500, 503),
  },
};

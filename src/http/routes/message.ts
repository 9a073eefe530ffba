import { exact } from "../../domain/query-params.ts";
import type { Store } from "../../store/store.ts";
import { Schema } from "../json-schema.ts";
import { json, NOT_FOUND } from "../reply.ts";
import type { Route, RouteSchema } from "../route.ts";
import { MessageBodySchema, messageBody, problemResponses } from "../schemas.ts";

/** `GET /messages/{message_id}`: one message, in the form of the list. */
export function messageRoute({ store }: { readonly store: Pick<Store, "findMessage"> }): Route {
  return {
    method: "GET",
    path: "/messages/:message_id",
    access: "read",
    schema: SCHEMA,
    handle: async ({ params, query }) => {
      const message = await store.findMessage(params.message_id ?? "", exact(query.source));
      return message === undefined ? NOT_FOUND : json(messageBody(message));
    },
  };
}

const SCHEMA: RouteSchema = {
  operationId: "readMessage",
  summary: "Read one message",
  description:
    "The id is escaped as any path segment, a slash as `%2F`. A message whose id is `export` can be read only in the list.",
  tags: ["messages"],
  params: Schema.object({
    message_id: Schema.string({ description: "The id that the sender gave the message." }),
  }),
  querystring: Schema.object({
    source: Schema.optional(
      Schema.string({
        description:
          "The source of the message. Two sources may use the same id; by default the first source by bytes is read.",
      }),
    ),
  }),
  response: {
    200: Schema.object(MessageBodySchema.properties, { description: "The message." }),
    ...problemResponses(404, 429, 500, 503),
  },
};

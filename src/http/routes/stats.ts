import type { FastifyInstance } from "fastify";
import Type from "typebox";
import type { Store } from "../../store/store.ts";
import { sendJson } from "../json.ts";
import { problemResponses } from "../schemas.ts";

/** `GET /stats`: totals that always agree with `/messages`. */
export function statsRoute(server: FastifyInstance, { store }: { readonly store: Pick<Store, "stats"> }): void {
  server.get("/stats", { schema: SCHEMA }, async (_request, reply) => {
    const stats = await store.stats();
    return sendJson(reply, {
      total_messages: stats.total,
      senders_count: stats.senders,
      messages_per_sender: stats.topSenders,
      first_message_ts: stats.firstTs,
      last_message_ts: stats.lastTs,
    });
  });
}

const SCHEMA = {
  summary: "Count messages and senders",
  tags: ["messages"],
  response: {
    200: Type.Object(
      {
        total_messages: Type.Integer(),
        senders_count: Type.Integer(),
        messages_per_sender: Type.Array(Type.Object({ from: Type.String(), count: Type.Integer() }), {
          description: "The ten busiest.",
        }),
        first_message_ts: Type.Union([Type.String(), Type.Null()]),
        last_message_ts: Type.Union([Type.String(), Type.Null()]),
      },
      { description: "The totals." },
    ),
    ...problemResponses(429, 500, 503),
  },
};

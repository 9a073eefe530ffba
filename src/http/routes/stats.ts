import type { MessageStats, Store } from "../../store/store.ts";
import { type CachedResponses, cachedReply, NotModifiedResponse } from "../cached-reply.ts";
import { Schema } from "../json-schema.ts";
import type { Route, RouteSchema } from "../route.ts";
import { problemResponses } from "../schemas.ts";

/** `GET /stats`: totals that always agree with `/messages`. */
export function statsRoute(
  options: CachedResponses & { readonly store: Pick<Store, "stats"> },
): Route {
  const read = async (signal: AbortSignal) => statsBody(await options.store.stats({ signal }));
  return {
    method: "GET",
    path: "/stats",
    access: "read",
    schema: SCHEMA,
    handle: (request) => cachedReply(request, options, { parts: ["stats"], read }),
  };
}

function statsBody({ total, senders, topSenders, firstTs, lastTs }: MessageStats) {
  return {
    total_messages: total,
    senders_count: senders,
    messages_per_sender: topSenders,
    first_message_ts: firstTs,
    last_message_ts: lastTs,
  };
}

const SCHEMA: RouteSchema = {
  operationId: "readStats",
  summary: "Count messages and senders",
  tags: ["messages"],
  response: {
    200: Schema.object(
      {
        total_messages: Schema.integer(),
        senders_count: Schema.integer(),
        messages_per_sender: Schema.array(
          Schema.object({ from: Schema.string(), count: Schema.integer() }),
          {
            description: "The ten senders with the most messages.",
          },
        ),
        first_message_ts: Schema.union([Schema.string(), Schema.null()], {
          description: "The earliest `ts`.",
        }),
        last_message_ts: Schema.union([Schema.string(), Schema.null()], {
          description: "The latest `ts`.",
        }),
      },
      { description: "The totals." },
    ),
    ...NotModifiedResponse,
    ...problemResponses(429, 500, 503),
  },
};

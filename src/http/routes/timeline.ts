import Type from "typebox";
import { parseTimelineQuery } from "../../domain/timeline-query.ts";
import type { Store, TimelineBucket } from "../../store/store.ts";
import { type CachedResponses, cachedReply, NotModifiedResponse } from "../cached-reply.ts";
import { invalidQuery } from "../reply.ts";
import type { Route, RouteSchema } from "../route.ts";
import { FromParameter, problemResponses, SpanParameters } from "../schemas.ts";

/** Almost a week by the minute. An answer of this size is half a megabyte. */
const BUCKETS_MAX = 10_000;

/** `GET /stats/timeline`: the number of messages in each minute, hour or day. */
export function timelineRoute(
  options: CachedResponses & { readonly store: Pick<Store, "timeline"> },
): Route {
  return {
    method: "GET",
    path: "/stats/timeline",
    access: "read",
    schema: SCHEMA,
    handle: async (request) => {
      const parsed = parseTimelineQuery(request.query);
      if (!parsed.ok) return invalidQuery(parsed);
      const query = { ...parsed.query, bucketsMax: BUCKETS_MAX };
      const read = async (signal: AbortSignal) => {
        const buckets = await options.store.timeline(query, { signal });
        return { bucket: query.bucket, data: buckets.map(bucketBody) };
      };
      return cachedReply(request, options, { parts: ["timeline", query], read });
    },
  };
}

function bucketBody({ start, count }: TimelineBucket) {
  return { start: start + "0000-01-01T00:00:00Z".slice(start.length), count };
}

const SCHEMA: RouteSchema = {
  operationId: "readTimeline",
  summary: "Count messages by minute, hour or day",
  description: `Counts by the \`ts\` of the messages, in UTC, oldest bucket first. Empty buckets are omitted. More than ${BUCKETS_MAX} buckets get 422, type \`too_broad\`.`,
  tags: ["messages"],
  querystring: Type.Object({
    bucket: Type.Optional(
      Type.String({
        enum: ["minute", "hour", "day"],
        default: "hour",
        description: "The length of a bucket.",
      }),
    ),
    ...FromParameter,
    ...SpanParameters,
  }),
  response: {
    200: Type.Object(
      {
        bucket: Type.String({ description: "The `bucket` of the request." }),
        data: Type.Array(
          Type.Object({
            start: Type.String({
              description: "The beginning of the bucket, such as 2025-01-15T10:00:00Z.",
            }),
            count: Type.Integer({ description: "The number of messages, at least 1." }),
          }),
        ),
      },
      { description: "The counts." },
    ),
    ...NotModifiedResponse,
    ...problemResponses(422, 429, 500, 503),
  },
};

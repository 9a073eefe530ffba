import { parseTimelineQuery } from "../../domain/timeline-query.ts";
import type { Store, TimelineBucket } from "../../store/store.ts";
import { ZONED_SPANS_MAX } from "../../store/time-spans.ts";
import { type CachedResponses, cachedReply, NotModifiedResponse } from "../cached-reply.ts";
import { Schema } from "../json-schema.ts";
import { invalidQuery } from "../reply.ts";
import type { Route, RouteSchema } from "../route.ts";
import { FromParameter, problemResponses, SpanParameters } from "../schemas.ts";

/** Almost a week by the minute. An answer of this size is half a megabyte. */
const BUCKETS_MAX = 10_000;
const ZONE =
  "Minutes, hours and days begin in this IANA time zone, such as `Asia/Kolkata` or `UTC`, and `start` has its offset. Case does not matter. Default: UTC.";

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
  description: `Counts by the \`ts\` of the messages, in UTC or in \`zone\`, oldest bucket first. Empty buckets are omitted. More than ${BUCKETS_MAX} buckets get 422, type \`too_broad\`. With \`zone\`, more than ${ZONED_SPANS_MAX} hours with messages get the same.`,
  tags: ["messages"],
  querystring: Schema.object({
    bucket: Schema.optional(
      Schema.string({
        enum: ["minute", "hour", "day"],
        default: "hour",
        description: "The length of a bucket.",
      }),
    ),
    ...FromParameter,
    ...SpanParameters,
    zone: Schema.optional(Schema.string({ description: ZONE })),
  }),
  response: {
    200: Schema.object(
      {
        bucket: Schema.string({ description: "The `bucket` of the request." }),
        data: Schema.array(
          Schema.object({
            start: Schema.string({
              description:
                "The beginning of the bucket, such as 2025-01-15T10:00:00Z; with `zone`, such as 2025-01-15T10:00:00+05:30.",
            }),
            count: Schema.integer({ description: "The number of messages, at least 1." }),
          }),
        ),
      },
      { description: "The counts." },
    ),
    ...NotModifiedResponse,
    ...problemResponses(422, 429, 500, 503),
  },
};

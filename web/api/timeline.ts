import { queryOf } from "../route.ts";
import { type Outcome, request } from "./request.ts";

export type BucketLength = "minute" | "hour" | "day";

/** `GET /stats/timeline`. Empty buckets are not in it. */
export interface Timeline {
  readonly bucket: BucketLength;
  readonly data: readonly { readonly start: string; readonly count: number }[];
}

export interface TimelineQuery {
  readonly bucket: BucketLength;
  readonly from?: string | undefined;
  readonly since?: string | undefined;
  readonly until?: string | undefined;
  /** The IANA time zone in which hours and days begin. */
  readonly zone?: string | undefined;
}

export function readTimeline(
  query: TimelineQuery,
  signal?: AbortSignal,
  etag?: string,
): Promise<Outcome<Timeline>> {
  return request(`stats/timeline${queryOf({ ...query })}`, { signal, etag });
}

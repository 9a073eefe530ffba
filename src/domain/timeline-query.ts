import type { Issue } from "./issue.ts";
import { moment, msisdn, oneOf, optional, type QueryParams, zone } from "./query-params.ts";
import type { TimeZone } from "./time-zone.ts";
import type { Instant } from "./timestamp.ts";

/** The span and the unit of a timeline. */
export interface TimelineParameters {
  readonly bucket: "minute" | "hour" | "day";
  readonly from?: string;
  /** Inclusive. */
  readonly since?: Instant;
  /** Exclusive. */
  readonly until?: Instant;
  /** Where buckets begin. Default: UTC. */
  readonly zone?: TimeZone;
}

export type ParsedTimelineQuery =
  | { readonly ok: true; readonly query: TimelineParameters }
  | { readonly ok: false; readonly reason: "issues"; readonly issues: readonly Issue[] };

/** Parses the parameters of the query. Returns all issues if there are any. */
export function parseTimelineQuery(parameters: QueryParams): ParsedTimelineQuery {
  const issues: Issue[] = [];
  const query = {
    bucket: oneOf(parameters, "bucket", ["hour", "minute", "day"], issues),
    ...optional("from", msisdn(parameters.from)),
    ...optional("since", moment(parameters, "since", issues)),
    ...optional("until", moment(parameters, "until", issues)),
    ...optional("zone", zone(parameters, "zone", issues)),
  };
  return issues.length > 0 ? { ok: false, reason: "issues", issues } : { ok: true, query };
}

import { rangeOf } from "../../list-position.ts";
import { BUCKETS, type TimelineBucket, type TimelineQuery } from "../../store.ts";
import { cutSpans, endSpans, SpanCounts } from "../../time-spans.ts";
import { hasBucket, IN_RANGE, type Query, rangeValues } from "../sql.ts";
import { CountedList } from "./counted-list.ts";
import type { Snapshot } from "./snapshot.ts";

/**
 * Messages per time span: whole spans from the indexed counts, the spans that are cut at both ends
 * and the tail by counting.
 */
export function timeline(snapshot: Snapshot, query: TimelineQuery): readonly TimelineBucket[] {
  const counts = new SpanCounts(query);
  const list = new CountedList(snapshot, query.from ?? "");
  if (query.from === undefined) {
    counts.add(wholeSpans(snapshot, query));
    for (const cut of cutSpans(query)) counts.add(counted(snapshot, list.query(cut), query));
  } else {
    for (const block of list.blocks(rangeOf(query))) {
      snapshot.check();
      counts.add(counted(snapshot, list.query(block), query));
    }
  }
  counts.add(counted(snapshot, tail(snapshot, query), query));
  return counts.list();
}

function wholeSpans({ statements }: Snapshot, query: TimelineQuery): readonly TimelineBucket[] {
  const { first, last } = endSpans(query);
  // No span sorts after a blob.
  return statements.all<TimelineBucket>(
    `SELECT start, messages AS count FROM spans WHERE characters = ? AND start > ? AND start < ? ORDER BY start LIMIT ?`,
    [BUCKETS[query.bucket], first ?? "", last ?? new Uint8Array(0), query.bucketsMax + 1],
  );
}

/** One span more than allowed shows that there are too many. */
function counted(
  { statements }: Snapshot,
  { sql, values }: Query,
  { bucket, bucketsMax }: TimelineQuery,
): readonly TimelineBucket[] {
  const characters = BUCKETS[bucket];
  return statements.all<TimelineBucket>(
    `SELECT substr(instant, 1, ${characters}) AS start, count(*) AS count FROM (${sql})
     WHERE ${hasBucket(characters)} GROUP BY start LIMIT ?`,
    [...values, bucketsMax + 1],
  );
}

function tail({ indexedSeq }: Snapshot, query: TimelineQuery): Query {
  const [condition, values] =
    query.from === undefined ? ["", []] : ["AND from_msisdn = ?", [query.from]];
  return {
    sql: `SELECT instant FROM lyftr_messages NOT INDEXED WHERE seq > ? AND ${IN_RANGE} ${condition}`,
    values: [indexedSeq, ...rangeValues(rangeOf(query)), ...values],
  };
}

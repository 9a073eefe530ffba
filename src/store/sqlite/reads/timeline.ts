import { rangeOf } from "../../list-position.ts";
import { BUCKETS, type TimelineBucket, type TimelineQuery } from "../../store.ts";
import {
  cutSpans,
  endSpans,
  QUARTERS,
  SpanCounts,
  type SpanQuery,
  withinPart,
  ZonedTimeline,
} from "../../time-spans.ts";
import { hasBucket, IN_RANGE, type Query, rangeValues } from "../sql.ts";
import { CountedList } from "./counted-list.ts";
import type { Snapshot } from "./snapshot.ts";

/** Messages per time span of UTC or of a zone. */
export function timeline(
  snapshot: Snapshot,
  { zone, ...query }: TimelineQuery,
): readonly TimelineBucket[] {
  if (zone === undefined) return spans(snapshot, query);
  const zoned = new ZonedTimeline(query, zone);
  const first = spans(snapshot, zoned.first());
  const second = zoned.second(first);
  return zoned.sum(first, second === undefined ? [] : spans(snapshot, second), second ?? {});
}

/**
 * Whole spans from the indexed counts, the spans that are cut at both ends and the tail by
 * counting.
 */
function spans(snapshot: Snapshot, query: SpanQuery): readonly TimelineBucket[] {
  const counts = new SpanCounts(query);
  const list = new CountedList(snapshot, query.from ?? "");
  if (query.from === undefined) {
    counts.add(wholeSpans(snapshot, query));
    for (const cut of cutSpans(query)) counts.add(counted(snapshot, list.query(cut), query));
  } else {
    for (const block of list.blocks(rangeOf(query))) {
      snapshot.check();
      const part = withinPart(query, block);
      if (part.hours?.length === 0) continue;
      counts.add(counted(snapshot, list.query(block), part));
    }
  }
  counts.add(counted(snapshot, tail(snapshot, query), query));
  return counts.list();
}

function wholeSpans({ statements }: Snapshot, query: SpanQuery): readonly TimelineBucket[] {
  const { bucket, bucketsMax, hours } = query;
  const { first, last } = endSpans(query);
  // No span sorts after a blob.
  const values = [BUCKETS[bucket], first ?? "", last ?? new Uint8Array(0), bucketsMax + 1];
  const where = "characters = ? AND start > ? AND start < ?";
  if (hours === undefined)
    return statements.all<TimelineBucket>(
      `SELECT start, messages AS count FROM spans WHERE ${where} ORDER BY start LIMIT ?`,
      values,
    );
  // The character after ':' is ';'. Each hour is one step in the primary key.
  return statements.all<TimelineBucket>(
    `SELECT ${startOf("start", query)} AS start, sum(messages) AS count FROM json_each(?) AS hour CROSS JOIN spans
     ON start > hour.value AND start < hour.value || ';' AND ${where} GROUP BY 1 LIMIT ?`,
    [JSON.stringify(hours), ...values],
  );
}

/** One span more than allowed shows that there are too many. */
function counted(
  { statements }: Snapshot,
  { sql, values }: Query,
  query: SpanQuery,
): readonly TimelineBucket[] {
  const { bucket, bucketsMax, hours } = query;
  const inHours = `AND substr(instant, 1, ${BUCKETS.hour}) IN (SELECT value FROM json_each(?))`;
  return statements.all<TimelineBucket>(
    `SELECT ${startOf("instant", query)} AS start, count(*) AS count FROM (${sql})
     WHERE ${hasBucket(BUCKETS[bucket])} ${hours === undefined ? "" : inHours} GROUP BY start LIMIT ?`,
    [...values, ...(hours === undefined ? [] : [JSON.stringify(hours)]), bucketsMax + 1],
  );
}

/** The beginning of the span of an instant or of a minute. */
function startOf(column: string, { bucket, inQuarters = false }: SpanQuery): string {
  if (!inQuarters) return `substr(${column}, 1, ${BUCKETS[bucket]})`;
  const quarter = `min(substr(${column}, 15, 2) / 15, 3)`;
  return `substr(${column}, 1, 14) || substr('${QUARTERS}', 1 + 2 * ${quarter}, 2)`;
}

function tail({ indexedSeq }: Snapshot, query: SpanQuery): Query {
  const [condition, values] =
    query.from === undefined ? ["", []] : ["AND from_msisdn = ?", [query.from]];
  return {
    sql: `SELECT instant FROM lyftr_messages NOT INDEXED WHERE seq > ? AND ${IN_RANGE} ${condition}`,
    values: [indexedSeq, ...rangeValues(rangeOf(query)), ...values],
  };
}

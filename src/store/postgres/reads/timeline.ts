import { type ListRange, rangeOf } from "../../list-position.ts";
import { BUCKETS, type TimelineBucket, type TimelineQuery } from "../../store.ts";
import {
  cutSpans,
  endSpans,
  QUARTERS,
  SpanCounts,
  type SpanQuery,
  ZonedTimeline,
} from "../../time-spans.ts";
import { isStorable } from "../index/searchable.ts";
import { inTail } from "../index/streams.ts";
import { ALL, every, hasBucket, inList, inRange, type List, Values } from "../sql.ts";
import type { Snapshot } from "./snapshot.ts";

/** Messages per time span of UTC or of a zone. */
export async function timeline(
  snapshot: Snapshot,
  { zone, ...query }: TimelineQuery,
): Promise<readonly TimelineBucket[]> {
  if (!isStorable(query.from ?? "")) return [];
  if (zone === undefined) return spans(snapshot, query);
  const zoned = new ZonedTimeline(query, zone);
  const first = await spans(snapshot, zoned.first());
  const second = zoned.second(first);
  return zoned.sum(first, second === undefined ? [] : await spans(snapshot, second), second ?? {});
}

/**
 * Whole spans from the counts and the tail, the spans that are cut at both ends by counting.
 */
async function spans(snapshot: Snapshot, query: SpanQuery): Promise<readonly TimelineBucket[]> {
  const parts =
    query.from === undefined
      ? [
          wholeSpans(snapshot, query),
          tailSpans(snapshot, query),
          ...cutSpans(query).map((part) => countSpans(snapshot, query, ALL, part)),
        ]
      : [countSpans(snapshot, query, { kind: "from", name: query.from }, rangeOf(query))];
  const counts = new SpanCounts(query);
  for (const part of await Promise.all(parts)) counts.add(part);
  return counts.list();
}

/** The conditions that a span, identified by `start`, lies completely within the query. */
function isWhole(start: string, query: SpanQuery, values: Values): readonly string[] {
  const { first, last } = endSpans(query);
  return [
    ...(first === undefined ? [] : [`${start} > ${values.add(first)}`]),
    ...(last === undefined ? [] : [`${start} < ${values.add(last)}`]),
  ];
}

function wholeSpans({ tx }: Snapshot, query: SpanQuery): Promise<readonly TimelineBucket[]> {
  const { bucket, bucketsMax, hours } = query;
  const values = new Values();
  const where = every([`kind = ${values.add(bucket)}`, ...isWhole("name", query, values)]);
  const limit = values.add(bucketsMax + 1);
  if (hours === undefined)
    return tx.all<TimelineBucket>(
      `SELECT name AS start, messages AS count FROM totals WHERE ${where} ORDER BY name LIMIT ${limit}`,
      values.list,
    );
  // The character after ':' is ';'. Each hour is one step in the primary key.
  return tx.all<TimelineBucket>(
    `SELECT ${startOf("name", query)} AS start, sum(messages)::bigint AS count
     FROM unnest(${values.add(hours)}::text[]) AS hour JOIN totals ON name > hour AND name < hour || ';'
     WHERE ${where} GROUP BY 1 LIMIT ${limit}`,
    values.list,
  );
}

function tailSpans(snapshot: Snapshot, query: SpanQuery): Promise<readonly TimelineBucket[]> {
  const start = `substr(instant, 1, ${BUCKETS[query.bucket]})`;
  return grouped(snapshot, query, (values) => [
    inTail(snapshot.marks, values),
    ...isWhole(start, query, values),
  ]);
}

function countSpans(snapshot: Snapshot, query: SpanQuery, list: List, range: ListRange) {
  return grouped(snapshot, query, (values) => [...inList(list, values), ...inRange(range, values)]);
}

function grouped(
  { tx }: Snapshot,
  query: SpanQuery,
  conditions: (values: Values) => readonly string[],
): Promise<readonly TimelineBucket[]> {
  const { bucket, bucketsMax, hours } = query;
  const values = new Values();
  const inHours =
    hours === undefined
      ? []
      : [`substr(instant, 1, ${BUCKETS.hour}) = ANY(${values.add(hours)}::text[])`];
  const where = every([...conditions(values), hasBucket(BUCKETS[bucket]), ...inHours]);
  return tx.all<TimelineBucket>(
    `SELECT ${startOf("instant", query)} AS start, count(*) AS count FROM messages WHERE ${where}
     GROUP BY 1 ORDER BY 1 LIMIT ${values.add(bucketsMax + 1)}`,
    values.list,
  );
}

/** The beginning of the span of an instant or of a minute. */
function startOf(column: string, { bucket, inQuarters = false }: SpanQuery): string {
  if (!inQuarters) return `substr(${column}, 1, ${BUCKETS[bucket]})`;
  const quarter = `least(substr(${column}, 15, 2)::int / 15, 3)`;
  return `substr(${column}, 1, 14) || substr('${QUARTERS}', 1 + 2 * ${quarter}, 2)`;
}

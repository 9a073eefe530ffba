import { type ListRange, rangeOf } from "../../list-position.ts";
import { BUCKETS, type TimelineBucket, type TimelineQuery } from "../../store.ts";
import { cutSpans, endSpans, SpanCounts } from "../../time-spans.ts";
import { isStorable } from "../index/searchable.ts";
import { inTail } from "../index/streams.ts";
import { ALL, every, hasBucket, inList, inRange, type List, Values } from "../sql.ts";
import type { Snapshot } from "./snapshot.ts";

/**
 * Messages per time span: whole spans from the counts and the tail, the spans that are cut at both
 * ends by counting.
 */
export async function timeline(
  snapshot: Snapshot,
  query: TimelineQuery,
): Promise<readonly TimelineBucket[]> {
  if (!isStorable(query.from ?? "")) return [];
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
function isWhole(start: string, query: TimelineQuery, values: Values): readonly string[] {
  const { first, last } = endSpans(query);
  return [
    ...(first === undefined ? [] : [`${start} > ${values.add(first)}`]),
    ...(last === undefined ? [] : [`${start} < ${values.add(last)}`]),
  ];
}

function wholeSpans({ tx }: Snapshot, query: TimelineQuery): Promise<readonly TimelineBucket[]> {
  const values = new Values();
  const where = every([`kind = ${values.add(query.bucket)}`, ...isWhole("name", query, values)]);
  return tx.all<TimelineBucket>(
    `SELECT name AS start, messages AS count FROM totals WHERE ${where} ORDER BY name LIMIT ${values.add(query.bucketsMax + 1)}`,
    values.list,
  );
}

function tailSpans(snapshot: Snapshot, query: TimelineQuery): Promise<readonly TimelineBucket[]> {
  const start = `substr(instant, 1, ${BUCKETS[query.bucket]})`;
  return grouped(snapshot, query, (values) => [
    inTail(snapshot.marks, values),
    ...isWhole(start, query, values),
  ]);
}

function countSpans(snapshot: Snapshot, query: TimelineQuery, list: List, range: ListRange) {
  return grouped(snapshot, query, (values) => [...inList(list, values), ...inRange(range, values)]);
}

function grouped(
  { tx }: Snapshot,
  { bucket, bucketsMax }: TimelineQuery,
  conditions: (values: Values) => readonly string[],
): Promise<readonly TimelineBucket[]> {
  const characters = BUCKETS[bucket];
  const values = new Values();
  const where = every([...conditions(values), hasBucket(characters)]);
  return tx.all<TimelineBucket>(
    `SELECT substr(instant, 1, ${characters}) AS start, count(*) AS count FROM messages WHERE ${where}
     GROUP BY 1 ORDER BY 1 LIMIT ${values.add(bucketsMax + 1)}`,
    values.list,
  );
}

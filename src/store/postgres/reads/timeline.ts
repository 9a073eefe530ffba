import { QueryTooExpensive } from "../../../domain/errors.ts";
import { BUCKETS, type TimelineBucket, type TimelineQuery } from "../../store.ts";
import { isStorable } from "../index/searchable.ts";
import { inTail } from "../index/streams.ts";
import { keyAt, type List, type Range } from "../key.ts";
import { every, hasBucket, inList, inRange, Values } from "../sql.ts";
import type { Snapshot } from "./snapshot.ts";

/** Messages per span of time: whole spans from the counts and the tail, the cut ones at both ends counted. */
export async function timeline(snapshot: Snapshot, query: TimelineQuery): Promise<readonly TimelineBucket[]> {
  if (!isStorable(query.from ?? "")) return [];
  const { since, until } = query;
  const range: Range = {
    lo: since === undefined ? undefined : keyAt(since),
    hi: until === undefined ? undefined : keyAt(until),
  };
  const parts =
    query.from === undefined
      ? [wholeSpans(snapshot, query), tailSpans(snapshot, query), ...cutSpans(snapshot, query, range)]
      : [countSpans(snapshot, query, { kind: "from", name: query.from }, range)];
  const counts = new Map<string, number>();
  for (const { start, count } of (await Promise.all(parts)).flat()) {
    counts.set(start, (counts.get(start) ?? 0) + count);
    if (counts.size > query.bucketsMax) throw tooMany(query);
  }
  return [...counts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([start, count]) => ({ start, count }));
}

/** The conditions that a span, named by `start`, lies wholly within the question. */
function isWhole(start: string, { bucket, since, until }: TimelineQuery, values: Values): readonly string[] {
  const characters = BUCKETS[bucket];
  return [
    ...(since === undefined ? [] : [`${start} > ${values.add(since.slice(0, characters))}`]),
    ...(until === undefined ? [] : [`${start} < ${values.add(until.slice(0, characters))}`]),
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
  return grouped(snapshot, query, (values) => [inTail(snapshot.marks, values), ...isWhole(start, query, values)]);
}

/** The spans that hold an end of the question, as far as they lie within it. */
function cutSpans(
  snapshot: Snapshot,
  query: TimelineQuery,
  range: Range,
): readonly Promise<readonly TimelineBucket[]>[] {
  const characters = BUCKETS[query.bucket];
  const starts = new Set([query.since, query.until].flatMap((end) => end?.slice(0, characters) ?? []));
  return [...starts].map((start) => {
    const span = { lo: keyAt(start), hi: keyAt(`${start}\u{10ffff}`) };
    return grouped(snapshot, query, (values) => [...inRange(span, values), ...inRange(range, values)]);
  });
}

function countSpans(snapshot: Snapshot, query: TimelineQuery, list: List, range: Range) {
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

function tooMany({ bucket, bucketsMax }: TimelineQuery): QueryTooExpensive {
  return new QueryTooExpensive(
    `There are more than ${bucketsMax} spans of one ${bucket}. Choose a larger bucket, or narrow it by since and until`,
  );
}

import { QueryTooExpensive } from "../../../domain/errors.ts";
import { BUCKETS, type TimelineBucket, type TimelineQuery } from "../../store.ts";
import { compareBounds, END, hasBucket, IN_RANGE, type Range, rangeValues } from "../key.ts";
import type { Query } from "../lists.ts";
import { rangeOf } from "./conditions.ts";
import { CountedList } from "./counted-list.ts";
import type { Snapshot } from "./snapshot.ts";

/** Messages per span of time: whole spans from the rollups, the cut ones at both ends and the tail counted. */
export function timeline(snapshot: Snapshot, query: TimelineQuery): readonly TimelineBucket[] {
  const characters = BUCKETS[query.bucket];
  const range = rangeOf(query);
  const counts = new Map<string, number>();
  const add = (rows: readonly TimelineBucket[]) => {
    for (const { start, count } of rows) counts.set(start, (counts.get(start) ?? 0) + count);
    if (counts.size > query.bucketsMax) throw tooMany(query);
  };
  const list = new CountedList(snapshot, query.from ?? "");
  if (query.from === undefined) {
    add(wholeSpans(snapshot, query, characters));
    for (const cut of cutSpans(query, characters, range)) add(counted(snapshot, list.query(cut), query));
  } else {
    for (const block of list.blocks(range)) {
      snapshot.check();
      add(counted(snapshot, list.query(block), query));
    }
  }
  add(counted(snapshot, tail(snapshot, query, range), query));
  return [...counts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([start, count]) => ({ start, count }));
}

function wholeSpans(
  { statements }: Snapshot,
  { since, until, bucketsMax }: TimelineQuery,
  characters: number,
): readonly TimelineBucket[] {
  // A span that holds one of the ends is counted apart.
  return statements.all<TimelineBucket>(
    `SELECT start, messages AS count FROM spans WHERE characters = ? AND start > ? AND start < ? ORDER BY start LIMIT ?`,
    [characters, since?.slice(0, characters) ?? "", until?.slice(0, characters) ?? END[0], bucketsMax + 1],
  );
}

/** The parts of the range that lie in the spans of its ends. */
function cutSpans({ since, until }: TimelineQuery, characters: number, range: Range): readonly Range[] {
  const lastOf = (start: string): Range["hi"] => [`${start}\u{10ffff}`, "", ""];
  const first = since?.slice(0, characters);
  const last = until?.slice(0, characters);
  const ends: Range[] = [];
  if (first !== undefined) ends.push({ lo: range.lo, hi: first === last ? range.hi : lastOf(first) });
  if (last !== undefined && first !== last) ends.push({ lo: [last, "", ""], hi: range.hi });
  return ends.filter(
    ({ lo, hi }) => compareBounds(lo, hi) < 0 && compareBounds(lo, range.lo) >= 0 && compareBounds(hi, range.hi) <= 0,
  );
}

/** One span more than there may be shows that there are too many. */
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

function tail({ indexedSeq }: Snapshot, { from }: TimelineQuery, range: Range): Query {
  const [condition, values] = from === undefined ? ["", []] : ["AND from_msisdn = ?", [from]];
  return {
    sql: `SELECT instant FROM lyftr_messages NOT INDEXED WHERE seq > ? AND ${IN_RANGE} ${condition}`,
    values: [indexedSeq, ...rangeValues(range), ...values],
  };
}

function tooMany({ bucket, bucketsMax }: TimelineQuery): QueryTooExpensive {
  return new QueryTooExpensive(
    `There are more than ${bucketsMax} spans of one ${bucket}. Choose a larger bucket, or narrow it by since and until`,
  );
}

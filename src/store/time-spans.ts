import { QueryTooExpensive } from "../domain/errors.ts";
import type { TimeZone } from "../domain/time-zone.ts";
import { ZonedBuckets } from "../domain/zoned-buckets.ts";
import { isEmpty, type ListRange, overlap, positionAt, rangeOf } from "./list-position.ts";
import { BUCKETS, type TimelineBucket, type TimelineQuery } from "./store.ts";

/** The time spans of UTC that a read counts. */
export interface SpanQuery extends Omit<TimelineQuery, "zone"> {
  /** Only the spans of these hours, ascending: `2025-01-15T10`. Default: all. */
  readonly hours?: readonly string[];
  /** Minutes are summed up to quarters of an hour, `2025-01-15T10:45`. Default: no. */
  readonly inQuarters?: boolean;
}

/**
 * The pattern of the first characters of a timestamp, both as a regular expression and for GLOB.
 * Other texts have no bucket.
 */
export function bucketPattern(characters: number): string {
  return "dddd-dd-ddTdd:dd".slice(0, characters).replaceAll("d", "[0-9]");
}

/**
 * The spans that contain an end of the query. The whole spans of the query are those between them.
 */
export function endSpans({ bucket, since, until }: SpanQuery) {
  const characters = BUCKETS[bucket];
  return { first: since?.slice(0, characters), last: until?.slice(0, characters) };
}

/** The parts of the spans at both ends that are within the query. */
export function cutSpans(query: SpanQuery): readonly ListRange[] {
  const range = rangeOf(query);
  const { first, last } = endSpans(query);
  return [...new Set([first, last])]
    .filter((start) => start !== undefined)
    .map((start) => overlap(range, { lo: positionAt(start), hi: positionAt(`${start}\u{10ffff}`) }))
    .filter((part) => !isEmpty(part));
}

/** The query for a part of the list: of its hours it has those that the part touches. */
export function withinPart(query: SpanQuery, { lo, hi }: ListRange): SpanQuery {
  if (query.hours === undefined) return query;
  const [first, last] = [lo, hi].map((end) => end?.instant.slice(0, BUCKETS.hour));
  const hours = query.hours.filter(
    (hour) => (first === undefined || hour >= first) && (last === undefined || hour <= last),
  );
  return { ...query, hours };
}

/**
 * The beginnings of the quarters of an hour, two characters each. An impossible minute, beyond 59,
 * is in the last one.
 */
export const QUARTERS = "00153045";

/** Sums up the messages of each span. */
export class SpanCounts {
  readonly #query: SpanQuery;
  readonly #counts = new Map<string, number>();

  constructor(query: SpanQuery) {
    this.#query = query;
  }

  /** Throws `QueryTooExpensive` when there are more spans than the query allows. */
  add(spans: readonly TimelineBucket[]): void {
    for (const { start, count } of spans)
      this.#counts.set(start, (this.#counts.get(start) ?? 0) + count);
    requireFew(this.#counts.size, this.#query);
  }

  /** In chronological order. */
  list(): readonly TimelineBucket[] {
    return [...this.#counts]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([start, count]) => ({ start, count }));
  }
}

function requireFew(spans: number, { bucket, bucketsMax }: SpanQuery): void {
  if (spans <= bucketsMax) return;
  throw new QueryTooExpensive(
    `There are more than ${bucketsMax} spans of one ${bucket}. Choose a larger bucket, or narrow it by since and until`,
  );
}

/** The spans that one timeline of a zone is summed up from: half a second of work. */
export const ZONED_SPANS_MAX = 200_000;

/**
 * A timeline of a time zone, in two reads of spans of UTC. The first is of hours. The second is of
 * the parts of those hours in which a bucket of the zone ends: with whole hours of offset none, for
 * days of another offset one hour a day, for hours all. The parts are quarters where that is
 * enough, else minutes.
 */
export class ZonedTimeline {
  readonly #query: SpanQuery;
  readonly #buckets: ZonedBuckets;

  constructor(query: SpanQuery, zone: TimeZone) {
    this.#query = query;
    this.#buckets = new ZonedBuckets(zone, query.bucket);
  }

  first(): SpanQuery {
    if (this.#query.bucket === "minute") return this.#query;
    return { ...this.#query, bucket: "hour", bucketsMax: ZONED_SPANS_MAX };
  }

  /** Undefined when the spans of the first read suffice. */
  second(first: readonly TimelineBucket[]): SpanQuery | undefined {
    if (this.#query.bucket === "minute") return undefined;
    const { hours, atQuarters } = this.#buckets.cutHours(first);
    if (hours.length === 0) return undefined;
    return {
      ...this.#query,
      bucket: "minute",
      bucketsMax: ZONED_SPANS_MAX,
      hours,
      inQuarters: atQuarters,
    };
  }

  /** The counts of each bucket, from the hours of the first read and their parts of the second. */
  sum(
    first: readonly TimelineBucket[],
    parts: readonly TimelineBucket[],
    { hours = [] }: Pick<SpanQuery, "hours">,
  ): readonly TimelineBucket[] {
    const cut = new Set(hours);
    const whole = first.filter(({ start }) => !cut.has(start));
    const counts = this.#buckets.sum([...whole, ...parts]);
    requireFew(counts.length, this.#query);
    return counts;
  }
}

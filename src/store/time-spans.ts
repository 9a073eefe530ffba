import { QueryTooExpensive } from "../domain/errors.ts";
import { isEmpty, type ListRange, overlap, positionAt, rangeOf } from "./list-position.ts";
import { BUCKETS, type TimelineBucket, type TimelineQuery } from "./store.ts";

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
export function endSpans({ bucket, since, until }: TimelineQuery) {
  const characters = BUCKETS[bucket];
  return { first: since?.slice(0, characters), last: until?.slice(0, characters) };
}

/** The parts of the spans at both ends that are within the query. */
export function cutSpans(query: TimelineQuery): readonly ListRange[] {
  const range = rangeOf(query);
  const { first, last } = endSpans(query);
  return [...new Set([first, last])]
    .filter((start) => start !== undefined)
    .map((start) => overlap(range, { lo: positionAt(start), hi: positionAt(`${start}\u{10ffff}`) }))
    .filter((part) => !isEmpty(part));
}

/** Sums up the messages of each span. */
export class SpanCounts {
  readonly #query: TimelineQuery;
  readonly #counts = new Map<string, number>();

  constructor(query: TimelineQuery) {
    this.#query = query;
  }

  /** Throws `QueryTooExpensive` when there are more spans than the query allows. */
  add(spans: readonly TimelineBucket[]): void {
    const { bucket, bucketsMax } = this.#query;
    for (const { start, count } of spans)
      this.#counts.set(start, (this.#counts.get(start) ?? 0) + count);
    if (this.#counts.size > bucketsMax) {
      throw new QueryTooExpensive(
        `There are more than ${bucketsMax} spans of one ${bucket}. Choose a larger bucket, or narrow it by since and until`,
      );
    }
  }

  /** In chronological order. */
  list(): readonly TimelineBucket[] {
    return [...this.#counts]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([start, count]) => ({ start, count }));
  }
}

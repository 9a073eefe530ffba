import type { MessageFilter } from "../../../domain/message-filter.ts";
import {
  ASCENDING,
  compareKeyToBound,
  DESCENDING,
  ENTRY,
  type Entry,
  IN_RANGE,
  type Range,
  rangeValues,
} from "../key.ts";
import { conditionsOf } from "./conditions.ts";
import type { Snapshot } from "./snapshot.ts";

/** The messages of a filter that are not in the read index yet. */
export interface Tail {
  count(range: Range): number;
  /** The first of the range, or the last and descending. */
  entries(range: Range, end: { readonly reverse: boolean; readonly limit: number }): readonly Entry[];
}

export const NO_TAIL: Tail = { count: () => 0, entries: () => [] };

export function tailOf(snapshot: Snapshot, filter: MessageFilter, range: Range): Tail {
  const { sql, values } = conditionsOf(filter);
  // Where a filter leaves few, they are found once; where it leaves all, they are counted, and only those of the page are looked at.
  if (values.length === 0) return new WholeTail(snapshot);
  return new FilteredTail(
    snapshot.statements.all<Entry>(
      `SELECT ${ENTRY} FROM lyftr_messages NOT INDEXED WHERE seq > ? AND ${IN_RANGE} AND ${sql} ORDER BY ${ASCENDING}`,
      [snapshot.foldedSeq, ...rangeValues(range), ...values],
    ),
  );
}

class WholeTail implements Tail {
  readonly #snapshot: Snapshot;

  constructor(snapshot: Snapshot) {
    this.#snapshot = snapshot;
  }

  count(range: Range): number {
    const { statements, foldedSeq } = this.#snapshot;
    return statements.number(`SELECT count(*) FROM lyftr_messages NOT INDEXED WHERE seq > ? AND ${IN_RANGE}`, [
      foldedSeq,
      ...rangeValues(range),
    ]);
  }

  entries(range: Range, { reverse, limit }: { readonly reverse: boolean; readonly limit: number }): readonly Entry[] {
    const { statements, foldedSeq } = this.#snapshot;
    return statements.all<Entry>(
      `SELECT ${ENTRY} FROM lyftr_messages NOT INDEXED WHERE seq > ? AND ${IN_RANGE}
       ORDER BY ${reverse ? DESCENDING : ASCENDING} LIMIT ?`,
      [foldedSeq, ...rangeValues(range), limit],
    );
  }
}

class FilteredTail implements Tail {
  readonly #entries: readonly Entry[];

  /** Ascending. */
  constructor(entries: readonly Entry[]) {
    this.#entries = entries;
  }

  count(range: Range): number {
    return this.#within(range).length;
  }

  entries(range: Range, { reverse, limit }: { readonly reverse: boolean; readonly limit: number }): readonly Entry[] {
    const entries = this.#within(range);
    return reverse ? entries.slice(-limit).toReversed() : entries.slice(0, limit);
  }

  #within({ lo, hi }: Range): readonly Entry[] {
    return this.#entries.filter((entry) => compareKeyToBound(entry, lo) >= 0 && compareKeyToBound(entry, hi) < 0);
  }
}

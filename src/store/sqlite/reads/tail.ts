import type { ListPosition, MessageFilter } from "../../../domain/message-filter.ts";
import { comparePositions, type ListRange } from "../../list-position.ts";
import {
  ASCENDING,
  DESCENDING,
  ENTRY_FIELDS,
  IN_RANGE,
  IN_SEQS,
  type ListEntry,
  type Query,
  rangeValues,
} from "../sql.ts";
import { conditionsOf, rowTestOf, textTestOf } from "./conditions.ts";
import type { Snapshot } from "./snapshot.ts";
import type { TailRow } from "./tail-rows.ts";
import { ROWS_PER_CHECK, walk } from "./walk.ts";

/** The messages of a filter that are not in the read index yet. */
export interface Tail {
  count(range: ListRange): number;
  /** The first ones of the range, or the last ones, descending. */
  entries(
    range: ListRange,
    end: { readonly reverse: boolean; readonly limit: number },
  ): readonly ListEntry[];
}

export const NO_TAIL: Tail = { count: () => 0, entries: () => [] };

export function tailOf(snapshot: Snapshot, filter: MessageFilter, range: ListRange): Tail {
  const kept = snapshot.tailRows.of(snapshot);
  if (kept !== undefined) return new KeptTail(matchingRows(snapshot, kept, filter));
  const { sql, values } = conditionsOf(filter);
  // If a filter matches few, they are found once. If it matches all, they are counted, and only
  // those of the page are read.
  if (sql === "1") return new WholeTail(snapshot);
  const has = textTestOf(filter);
  const rows = walk<[number, string]>(snapshot, {
    sql: `SELECT seq, ${has === undefined ? "NULL" : "text"} FROM lyftr_messages NOT INDEXED
          WHERE seq > ? AND ${IN_RANGE} AND ${sql}`,
    values: [snapshot.indexedSeq, ...rangeValues(range), ...values],
  });
  const seqs: number[] = [];
  for (const [seq, text] of rows) if (has === undefined || has(text)) seqs.push(seq);
  return new FilteredTail(snapshot, seqs);
}

function matchingRows(
  { check }: Snapshot,
  rows: readonly TailRow[],
  filter: MessageFilter,
): readonly TailRow[] {
  const matches = rowTestOf(filter);
  if (matches === undefined) return rows;
  return rows.filter((row, at) => {
    if (at % ROWS_PER_CHECK === 0) check();
    return matches(row);
  });
}

/** All of its messages are in memory, in the order of lists. */
class KeptTail implements Tail {
  readonly #rows: readonly TailRow[];

  constructor(rows: readonly TailRow[]) {
    this.#rows = rows;
  }

  count(range: ListRange): number {
    const [start, end] = this.#within(range);
    return end - start;
  }

  entries(
    range: ListRange,
    { reverse, limit }: { readonly reverse: boolean; readonly limit: number },
  ): readonly ListEntry[] {
    const [start, end] = this.#within(range);
    return reverse
      ? this.#rows.slice(Math.max(start, end - limit), end).toReversed()
      : this.#rows.slice(start, Math.min(start + limit, end));
  }

  /** The first row in a range, and the first one after it. */
  #within({ lo, hi }: ListRange): readonly [start: number, end: number] {
    const start = lo === undefined ? 0 : this.#firstFrom(lo);
    return [start, hi === undefined ? this.#rows.length : Math.max(start, this.#firstFrom(hi))];
  }

  /** The first row that is not before a position. */
  #firstFrom(position: ListPosition): number {
    let [start, end] = [0, this.#rows.length];
    while (start < end) {
      const middle = (start + end) >>> 1;
      if (comparePositions(this.#rows[middle] as TailRow, position) < 0) start = middle + 1;
      else end = middle;
    }
    return start;
  }
}

class WholeTail implements Tail {
  readonly #snapshot: Snapshot;

  constructor(snapshot: Snapshot) {
    this.#snapshot = snapshot;
  }

  count(range: ListRange): number {
    const { statements, indexedSeq } = this.#snapshot;
    return statements.number(
      `SELECT count(*) FROM lyftr_messages NOT INDEXED WHERE seq > ? AND ${IN_RANGE}`,
      [indexedSeq, ...rangeValues(range)],
    );
  }

  entries(
    range: ListRange,
    { reverse, limit }: { readonly reverse: boolean; readonly limit: number },
  ): readonly ListEntry[] {
    const { statements, indexedSeq } = this.#snapshot;
    return statements.all<ListEntry>(
      `SELECT ${ENTRY_FIELDS} FROM lyftr_messages NOT INDEXED WHERE seq > ? AND ${IN_RANGE}
       ORDER BY ${reverse ? DESCENDING : ASCENDING} LIMIT ?`,
      [indexedSeq, ...rangeValues(range), limit],
    );
  }
}

/** Their numbers are in memory, not their keys, which may be long. */
class FilteredTail implements Tail {
  readonly #snapshot: Snapshot;
  readonly #seqs: string;

  constructor(snapshot: Snapshot, seqs: readonly number[]) {
    this.#snapshot = snapshot;
    this.#seqs = JSON.stringify(seqs);
  }

  count(range: ListRange): number {
    const { sql, values } = this.#within(range);
    return this.#snapshot.statements.number(`SELECT count(*) ${sql}`, values);
  }

  entries(
    range: ListRange,
    { reverse, limit }: { readonly reverse: boolean; readonly limit: number },
  ): readonly ListEntry[] {
    const { sql, values } = this.#within(range);
    return this.#snapshot.statements.all<ListEntry>(
      `SELECT ${ENTRY_FIELDS} ${sql} ORDER BY ${reverse ? DESCENDING : ASCENDING} LIMIT ?`,
      [...values, limit],
    );
  }

  #within(range: ListRange): Query {
    return {
      sql: `FROM lyftr_messages WHERE ${IN_SEQS} AND ${IN_RANGE}`,
      values: [this.#seqs, ...rangeValues(range)],
    };
  }
}

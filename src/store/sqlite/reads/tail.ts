import type { MessageFilter } from "../../../domain/message-filter.ts";
import type { ListRange } from "../../list-position.ts";
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
import { conditionsOf, textTestOf } from "./conditions.ts";
import type { Snapshot } from "./snapshot.ts";
import { walk } from "./walk.ts";

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

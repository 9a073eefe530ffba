import type { MessageFilter } from "../../../domain/message-filter.ts";
import {
  ASCENDING,
  compareBounds,
  DESCENDING,
  END,
  type Entry,
  IN_RANGE,
  type Range,
  rangeValues,
  START,
} from "../key.ts";
import type { Query } from "../lists.ts";
import { conditionsOf } from "./conditions.ts";
import type { FoldedList, Slice } from "./folded-list.ts";
import type { Snapshot } from "./snapshot.ts";

/** So many messages are searched between two looks at whether anybody still waits. */
const SEQS_PER_STEP = 250_000;

/** The messages whose text fits an expression of the search index. */
export class SearchList implements FoldedList {
  readonly #snapshot: Snapshot;
  readonly #expression: string;
  readonly #conditions: Query;
  readonly #filtered: boolean;

  constructor(snapshot: Snapshot, expression: string, { q: _found, ...filter }: MessageFilter) {
    this.#snapshot = snapshot;
    this.#expression = expression;
    this.#filtered = filter.from !== undefined || filter.to !== undefined || filter.source !== undefined;
    this.#conditions = conditionsOf(filter);
  }

  /** How many texts fit it, whatever the other filters and the range. */
  matches(): number {
    return this.#inSteps("SELECT count(*) FROM search WHERE search MATCH ? AND rowid > ? AND rowid <= ?", []);
  }

  count(range: Range): number {
    const everything = compareBounds(range.lo, START) === 0 && compareBounds(range.hi, END) === 0;
    if (everything && !this.#filtered) return this.matches();
    const { sql, values } = this.#matching(range);
    return this.#inSteps(`SELECT count(*) ${sql}`, values);
  }

  entries(range: Range, { reverse, offset, limit }: Slice): readonly Entry[] {
    this.#snapshot.check();
    const { sql, values } = this.#matching(range);
    return this.#snapshot.statements.all<Entry>(
      `SELECT messages.seq, instant, message_id AS messageId, source ${sql}
       ORDER BY ${reverse ? DESCENDING : ASCENDING} LIMIT ? OFFSET ?`,
      [this.#expression, 0, this.#snapshot.foldedSeq, ...values, limit, offset],
    );
  }

  #matching(range: Range): Query {
    return {
      sql: `FROM search CROSS JOIN messages ON messages.seq = search.rowid
            WHERE search MATCH ? AND search.rowid > ? AND search.rowid <= ? AND ${IN_RANGE} AND ${this.#conditions.sql}`,
      values: [...rangeValues(range), ...this.#conditions.values],
    };
  }

  #inSteps(sql: string, values: Query["values"]): number {
    const { statements, foldedSeq, check } = this.#snapshot;
    let count = 0;
    for (let after = 0; after < foldedSeq; after += SEQS_PER_STEP) {
      check();
      const upTo = Math.min(foldedSeq, after + SEQS_PER_STEP);
      count += statements.number(sql, [this.#expression, after, upTo, ...values]);
    }
    return count;
  }
}

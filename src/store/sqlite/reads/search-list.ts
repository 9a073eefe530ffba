import type { MessageFilter } from "../../../domain/message-filter.ts";
import { ASCENDING, DESCENDING, type Entry, IN_RANGE, isEverything, type Range, rangeValues } from "../key.ts";
import type { Query } from "../lists.ts";
import { conditionsOf } from "./conditions.ts";
import type { FoldedList, Slice } from "./folded-list.ts";
import type { Snapshot } from "./snapshot.ts";

/** The messages whose text fits an expression of the search index. */
export class SearchList implements FoldedList {
  readonly #snapshot: Snapshot;
  readonly #expression: string;
  readonly #conditions: Query;
  readonly #filtered: boolean;
  #matches: number | undefined;

  constructor(snapshot: Snapshot, expression: string, { q: _found, ...filter }: MessageFilter) {
    this.#snapshot = snapshot;
    this.#expression = expression;
    this.#filtered = filter.from !== undefined || filter.to !== undefined || filter.source !== undefined;
    this.#conditions = conditionsOf(filter);
  }

  /** How many texts fit it, whatever the other filters and the range: ten million matches are counted in half a second. */
  matches(): number {
    this.#matches ??= this.#snapshot.statements.number("SELECT count(*) FROM search WHERE search MATCH ?", [
      this.#expression,
    ]);
    return this.#matches;
  }

  count(range: Range): number {
    if (isEverything(range) && !this.#filtered) return this.matches();
    const { sql, values } = this.#matching(range);
    return this.#snapshot.statements.number(`SELECT count(*) ${sql}`, values);
  }

  entries(range: Range, { reverse, offset, limit }: Slice): readonly Entry[] {
    const { sql, values } = this.#matching(range);
    return this.#snapshot.statements.all<Entry>(
      `SELECT lyftr_messages.seq, instant, message_id AS messageId, source ${sql}
       ORDER BY ${reverse ? DESCENDING : ASCENDING} LIMIT ? OFFSET ?`,
      [...values, limit, offset],
    );
  }

  /** The rows of the matches. It does not go through them in steps: the index begins anew with each, however far the step is. */
  #matching(range: Range): Query {
    return {
      sql: `FROM search CROSS JOIN lyftr_messages ON lyftr_messages.seq = search.rowid
            WHERE search MATCH ? AND still_wanted() AND ${IN_RANGE} AND ${this.#conditions.sql}`,
      values: [this.#expression, ...rangeValues(range), ...this.#conditions.values],
    };
  }
}

import type { MessageFilter } from "../../../domain/message-filter.ts";
import { isWholeList, type ListRange, merge } from "../../list-position.ts";
import type { Slice } from "../../page.ts";
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
import { conditionsOf, type TextTest } from "./conditions.ts";
import type { IndexedList } from "./merged.ts";
import type { Snapshot } from "./snapshot.ts";
import { walk } from "./walk.ts";

/** The maximum number of keys in memory while matches are sorted. They may be long. */
const KEYS_KEPT_MAX = 2_000;
/** The read can be stopped between two statements. */
const SEQS_PER_STATEMENT = 20_000;

/** The messages whose text matches an expression of the search index. */
export class SearchList implements IndexedList {
  readonly #snapshot: Snapshot;
  readonly #expression: string;
  readonly #conditions: Query;
  readonly #filtered: boolean;
  readonly #has: TextTest | undefined;
  #matches: number | undefined;
  #found: { readonly range: ListRange; readonly seqs: readonly number[] } | undefined;

  /** `has` tests what the expression leaves open: it may match more texts than are searched for. */
  constructor(
    snapshot: Snapshot,
    expression: string,
    { filter, has }: { readonly filter: MessageFilter; readonly has: TextTest | undefined },
  ) {
    const { q: _found, ...others } = filter;
    this.#snapshot = snapshot;
    this.#expression = expression;
    this.#filtered =
      others.from !== undefined || others.to !== undefined || others.source !== undefined;
    this.#conditions = conditionsOf(others);
    this.#has = has;
  }

  /** Whether the expression alone decides which texts match. */
  get exact(): boolean {
    return this.#has === undefined;
  }

  /**
   * How many texts match the expression, regardless of other filters and the range. Ten million are
   * counted in half a second.
   */
  matches(): number {
    this.#snapshot.check();
    this.#matches ??= this.#snapshot.statements.number(
      "SELECT count(*) FROM search WHERE search MATCH ?",
      [this.#expression],
    );
    return this.#matches;
  }

  count(range: ListRange): number {
    return this.#isAll(range) ? this.matches() : this.#seqsIn(range).length;
  }

  entries(range: ListRange, { reverse, offset, limit }: Slice): readonly ListEntry[] {
    const seqs = this.#seqsIn(range);
    const sql = `SELECT ${ENTRY_FIELDS} FROM lyftr_messages WHERE ${IN_SEQS}
      ORDER BY ${reverse ? DESCENDING : ASCENDING} LIMIT ? OFFSET ?`;
    const { statements, check } = this.#snapshot;
    if (offset >= seqs.length) return [];
    if (offset + limit > KEYS_KEPT_MAX)
      return statements.all<ListEntry>(sql, [JSON.stringify(seqs), limit, offset]);
    let first: readonly ListEntry[] = [];
    for (let at = 0; at < seqs.length; at += SEQS_PER_STATEMENT) {
      check();
      const some = JSON.stringify(seqs.slice(at, at + SEQS_PER_STATEMENT));
      const entries = statements.all<ListEntry>(sql, [some, offset + limit, 0]);
      first = merge(first, entries, reverse).slice(0, offset + limit);
    }
    return first.slice(offset);
  }

  /**
   * Cached, because the total and the page of a list ask for the same range one after the other.
   */
  #seqsIn(range: ListRange): readonly number[] {
    if (this.#found?.range !== range) {
      const seqs: number[] = [];
      for (const [seq, text] of walk<[number, string]>(this.#snapshot, this.#matching(range))) {
        if (this.#has === undefined || this.#has(text)) seqs.push(seq);
      }
      this.#found = { range, seqs };
    }
    return this.#found.seqs;
  }

  #matching(range: ListRange): Query {
    const { sql, values } = this.#conditions;
    if (this.#isAll(range)) {
      return {
        sql: "SELECT rowid, NULL FROM search WHERE search MATCH ?",
        values: [this.#expression],
      };
    }
    return {
      sql: `SELECT search.rowid, ${this.exact ? "NULL" : "lyftr_messages.text"}
            FROM search CROSS JOIN lyftr_messages ON lyftr_messages.seq = search.rowid
            WHERE search MATCH ? AND ${IN_RANGE} AND ${sql}`,
      values: [this.#expression, ...rangeValues(range), ...values],
    };
  }

  /** Whether the search index alone is enough. */
  #isAll(range: ListRange): boolean {
    return this.exact && !this.#filtered && isWholeList(range);
  }
}

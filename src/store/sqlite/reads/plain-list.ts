import type { ListPosition, MessageFilter } from "../../../domain/message-filter.ts";
import { type ListRange, positionAfter } from "../../list-position.ts";
import type { Slice } from "../../page.ts";
import {
  ASCENDING,
  DESCENDING,
  IN_RANGE,
  type ListEntry,
  POSITION_FIELDS,
  type Query,
  rangeValues,
} from "../sql.ts";
import { conditionsOf, type TextTest, textTestOf } from "./conditions.ts";
import type { IndexedList } from "./merged.ts";
import type { Snapshot } from "./snapshot.ts";
import { countMatching, findMatching } from "./walk.ts";

/** The rows that one statement reads. The read can be stopped between two statements. */
const ROWS_PER_STRETCH = 16_384;
const TABLE = "FROM lyftr_messages INDEXED BY messages_by_instant";

/**
 * All messages of a filter, indexed or not, without the read index. Used while the index is far
 * behind. It is slow, and exact.
 */
export class PlainList implements IndexedList {
  readonly #snapshot: Snapshot;
  readonly #conditions: Query;
  readonly #has: TextTest | undefined;

  constructor(snapshot: Snapshot, filter: MessageFilter) {
    this.#snapshot = snapshot;
    this.#conditions = conditionsOf(filter);
    this.#has = textTestOf(filter);
  }

  count(range: ListRange): number {
    let count = 0;
    for (const stretch of this.#stretches(range, false)) {
      count += countMatching(this.#snapshot, { from: this.#matching(stretch), has: this.#has });
    }
    return count;
  }

  entries(range: ListRange, { reverse, offset, limit }: Slice): readonly ListEntry[] {
    const found: ListEntry[] = [];
    const order = reverse ? DESCENDING : ASCENDING;
    let skip = offset;
    for (const stretch of this.#stretches(range, reverse)) {
      const matching = { from: this.#matching(stretch), has: this.#has, order };
      const { entries, skipped } = findMatching(this.#snapshot, matching, {
        skip,
        limit: limit - found.length,
      });
      found.push(...entries);
      skip -= skipped;
      if (found.length >= limit) break;
    }
    return found;
  }

  /** A range in parts of a fixed number of messages, from its beginning or its end. */
  *#stretches(range: ListRange, reverse: boolean): Generator<ListRange> {
    for (let { lo, hi } = range; ; ) {
      const next = this.#snapshot.statements.get<ListPosition>(
        `SELECT ${POSITION_FIELDS} ${TABLE} WHERE ${IN_RANGE}
         ORDER BY ${reverse ? DESCENDING : ASCENDING} LIMIT 1 OFFSET ${ROWS_PER_STRETCH}`,
        rangeValues({ lo, hi }),
      );
      if (next === undefined) return yield { lo, hi };
      const cut = reverse ? positionAfter(next) : next;
      yield reverse ? { lo: cut, hi } : { lo, hi: cut };
      if (reverse) hi = cut;
      else lo = cut;
    }
  }

  #matching(range: ListRange): Query {
    const { sql, values } = this.#conditions;
    return {
      sql: `${TABLE} WHERE ${IN_RANGE} AND ${sql}`,
      values: [...rangeValues(range), ...values],
    };
  }
}

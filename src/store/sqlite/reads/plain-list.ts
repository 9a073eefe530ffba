import type { MessageFilter } from "../../../domain/message-filter.ts";
import {
  ASCENDING,
  boundAt,
  boundBehind,
  DESCENDING,
  type Entry,
  IN_RANGE,
  type Key,
  type Range,
  rangeValues,
} from "../key.ts";
import type { Query } from "../lists.ts";
import { conditionsOf, type TextTest, textTestOf } from "./conditions.ts";
import type { IndexedList, Slice } from "./indexed-list.ts";
import type { Snapshot } from "./snapshot.ts";
import { countMatching, findMatching } from "./walk.ts";

/** What one statement looks at: the read can be stopped between two. */
const ROWS_PER_STRETCH = 16_384;
const TABLE = "FROM lyftr_messages INDEXED BY messages_by_instant";

/** All messages of a filter, folded or not, without the read index: for the time in which it has far to catch up. Slow, and exact. */
export class PlainList implements IndexedList {
  readonly #snapshot: Snapshot;
  readonly #conditions: Query;
  readonly #has: TextTest | undefined;

  constructor(snapshot: Snapshot, filter: MessageFilter) {
    this.#snapshot = snapshot;
    this.#conditions = conditionsOf(filter);
    this.#has = textTestOf(filter);
  }

  count(range: Range): number {
    let count = 0;
    for (const stretch of this.#stretches(range, false)) {
      count += countMatching(this.#snapshot, { from: this.#matching(stretch), has: this.#has });
    }
    return count;
  }

  entries(range: Range, { reverse, offset, limit }: Slice): readonly Entry[] {
    const found: Entry[] = [];
    const order = reverse ? DESCENDING : ASCENDING;
    let skip = offset;
    for (const stretch of this.#stretches(range, reverse)) {
      const matching = { from: this.#matching(stretch), has: this.#has, order };
      const { entries, skipped } = findMatching(this.#snapshot, matching, { skip, limit: limit - found.length });
      found.push(...entries);
      skip -= skipped;
      if (found.length >= limit) break;
    }
    return found;
  }

  /** A range in parts of a fixed number of messages, from its beginning or its end. */
  *#stretches(range: Range, reverse: boolean): Generator<Range> {
    for (let { lo, hi } = range; ; ) {
      const next = this.#snapshot.statements.get<Key>(
        `SELECT instant, message_id AS messageId, source ${TABLE} WHERE ${IN_RANGE}
         ORDER BY ${reverse ? DESCENDING : ASCENDING} LIMIT 1 OFFSET ${ROWS_PER_STRETCH}`,
        rangeValues({ lo, hi }),
      );
      if (next === undefined) return yield { lo, hi };
      const cut = reverse ? boundBehind(next) : boundAt(next);
      yield reverse ? { lo: cut, hi } : { lo, hi: cut };
      if (reverse) hi = cut;
      else lo = cut;
    }
  }

  #matching(range: Range): Query {
    const { sql, values } = this.#conditions;
    return { sql: `${TABLE} WHERE ${IN_RANGE} AND ${sql}`, values: [...rangeValues(range), ...values] };
  }
}

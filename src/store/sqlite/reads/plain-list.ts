import type { MessageFilter } from "../../../domain/message-filter.ts";
import { ASCENDING, DESCENDING, ENTRY, type Entry, IN_RANGE, type Range, rangeValues } from "../key.ts";
import type { Query } from "../lists.ts";
import { conditionsOf } from "./conditions.ts";
import type { FoldedList, Slice } from "./folded-list.ts";
import type { Snapshot } from "./snapshot.ts";

/** All messages of a filter, folded or not, without the read index: for the time in which it has far to catch up. Slow, and exact. */
export class PlainList implements FoldedList {
  readonly #snapshot: Snapshot;
  readonly #conditions: Query;

  constructor(snapshot: Snapshot, filter: MessageFilter) {
    this.#snapshot = snapshot;
    this.#conditions = conditionsOf(filter);
  }

  count(range: Range): number {
    const { sql, values } = this.#matching(range);
    return this.#snapshot.statements.number(`SELECT count(*) ${sql}`, values);
  }

  entries(range: Range, { reverse, offset, limit }: Slice): readonly Entry[] {
    const { sql, values } = this.#matching(range);
    return this.#snapshot.statements.all<Entry>(
      `SELECT ${ENTRY} ${sql} ORDER BY ${reverse ? DESCENDING : ASCENDING} LIMIT ? OFFSET ?`,
      [...values, limit, offset],
    );
  }

  #matching(range: Range): Query {
    const { sql, values } = this.#conditions;
    return {
      sql: `FROM lyftr_messages INDEXED BY messages_by_instant WHERE still_wanted() AND ${IN_RANGE} AND ${sql}`,
      values: [...rangeValues(range), ...values],
    };
  }
}

import type { ListPosition, MessageFilter } from "../../../domain/message-filter.ts";
import { isWholeList, type ListRange } from "../../list-position.ts";
import type { Slice } from "../../page.ts";
import {
  type ListEntry,
  POSITION_COLUMNS,
  POSITION_FIELDS,
  positionValues,
  type Query,
} from "../sql.ts";
import { conditionsOf, type TextTest, textTestOf } from "./conditions.ts";
import type { Block, CountedList } from "./counted-list.ts";
import type { IndexedList } from "./merged.ts";
import type { Snapshot } from "./snapshot.ts";
import { countMatching, findMatching } from "./walk.ts";

const ORDERS = {
  ascending: "list.instant, list.messageId, list.source",
  descending: "list.instant DESC, list.messageId DESC, list.source DESC",
};

/**
 * The messages of a counted list that also match conditions. It is scanned block by block, where no
 * count is known.
 */
export class FilteredList implements IndexedList {
  readonly #snapshot: Snapshot;
  readonly #base: CountedList;
  readonly #conditions: Query;
  readonly #has: TextTest | undefined;
  /** The number of matches in each block, by the block's start. */
  readonly #known: Map<string, number> | undefined;
  readonly #counted = new Map<string, number>();
  #blocks: { readonly range: ListRange; readonly list: readonly Block[] } | undefined;

  constructor(snapshot: Snapshot, base: CountedList, filter: MessageFilter) {
    this.#snapshot = snapshot;
    this.#base = base;
    this.#conditions = conditionsOf(filter);
    this.#has = textTestOf(filter);
    if (filter.from === undefined && filter.q === undefined)
      this.#known = receivedPerBlock(snapshot, filter);
  }

  /** Whether `count` and `entries` need not read every row. */
  get indexed(): boolean {
    return this.#known !== undefined;
  }

  count(range: ListRange): number {
    if (this.#known !== undefined && isWholeList(range))
      return [...this.#known.values()].reduce((sum, count) => sum + count, 0);
    return this.#blocksOf(range).reduce(
      (sum, block) => sum + (this.#countKnown(block) ?? this.#countRows(block)),
      0,
    );
  }

  entries(range: ListRange, { reverse, offset, limit }: Slice): readonly ListEntry[] {
    const found: ListEntry[] = [];
    let skip = offset;
    const blocks = this.#blocksOf(range);
    for (const block of reverse ? blocks.toReversed() : blocks) {
      if (found.length >= limit) break;
      const known = this.#countKnown(block);
      if (known !== undefined && known <= skip) {
        skip -= known;
        continue;
      }
      const order = reverse ? ORDERS.descending : ORDERS.ascending;
      const matching = { from: this.#matching(block), has: this.#has, order };
      const { entries, skipped } = findMatching(this.#snapshot, matching, {
        skip,
        limit: limit - found.length,
      });
      found.push(...entries);
      skip -= skipped;
    }
    return found;
  }

  /**
   * Cached, because a total and its page ask for the same range one after the other, and there are
   * a thousand blocks.
   */
  #blocksOf(range: ListRange): readonly Block[] {
    if (this.#blocks?.range !== range) this.#blocks = { range, list: this.#base.blocks(range) };
    return this.#blocks.list;
  }

  #countKnown({ lo, messages }: Block): number | undefined {
    if (messages === undefined) return undefined;
    if (messages === 0) return 0;
    const start = nameOf(lo);
    return this.#known === undefined ? this.#counted.get(start) : (this.#known.get(start) ?? 0);
  }

  #countRows(block: Block): number {
    const count = countMatching(this.#snapshot, { from: this.#matching(block), has: this.#has });
    if (block.messages !== undefined) this.#counted.set(nameOf(block.lo), count);
    return count;
  }

  #matching(range: ListRange): Query {
    const { sql, values } = this.#base.query(range);
    const { sql: conditions, values: wanted } = this.#conditions;
    return {
      sql: `FROM (${sql}) AS list CROSS JOIN lyftr_messages ON lyftr_messages.seq = list.seq WHERE ${conditions}`,
      values: [...values, ...wanted],
    };
  }
}

/**
 * For each block of all messages, by its start: how many went to a receiver or came through a
 * source.
 */
function receivedPerBlock(
  { statements }: Snapshot,
  { to, source }: MessageFilter,
): Map<string, number> {
  const conditions = [
    ...(to === undefined ? [] : ["to_msisdn = ?"]),
    ...(source === undefined ? [] : ["via_source = ?"]),
  ];
  const rows = statements.all<ListPosition & { messages: number }>(
    `SELECT ${POSITION_FIELDS}, sum(messages) AS messages FROM receiver_blocks
     WHERE ${conditions.join(" AND ")} GROUP BY ${POSITION_COLUMNS.slice(1, -1)}`,
    [to, source].filter((value) => value !== undefined),
  );
  return new Map(rows.map((row) => [nameOf(row), row.messages]));
}

/** A name for a block, by its start. */
function nameOf(lo: ListPosition): string {
  return JSON.stringify(positionValues(lo));
}

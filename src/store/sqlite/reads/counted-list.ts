import {
  ASCENDING,
  type Bound,
  boundAt,
  compareBounds,
  DESCENDING,
  END,
  type Entry,
  KEY,
  type Key,
  type Range,
  START,
} from "../key.ts";
import { entriesOf, type Query } from "../lists.ts";
import type { IndexedList, Slice } from "./indexed-list.ts";
import type { Snapshot } from "./snapshot.ts";

/** A stretch of a list whose messages are counted. */
export interface Block extends Range {
  readonly messages: number;
}

/** All messages, or those of one sender: whole blocks are counted without a look at what is in them. */
export class CountedList implements IndexedList {
  readonly #snapshot: Snapshot;
  readonly #list: string;

  /** `list` is a sender, or '' for all messages. */
  constructor(snapshot: Snapshot, list: string) {
    this.#snapshot = snapshot;
    this.#list = list;
  }

  /** How many there are in all. */
  total(): number {
    const { statements, indexedMessages } = this.#snapshot;
    if (this.#list === "") return indexedMessages;
    return statements.number("SELECT messages FROM senders WHERE msisdn = ?", [this.#list]);
  }

  count({ lo, hi }: Range): number {
    return Math.max(0, this.#before(hi) - this.#before(lo));
  }

  entries(range: Range, { reverse, offset, limit }: Slice): readonly Entry[] {
    if (offset === 0) return this.#walk(range, reverse, 0, limit);
    const first = this.#before(range.lo);
    const total = Math.max(0, this.#before(range.hi) - first);
    if (offset >= total) return [];
    if (reverse) {
      const taken = Math.min(limit, total - offset);
      return this.entries(range, { reverse: false, offset: total - offset - taken, limit: taken }).toReversed();
    }
    const { lo, before } = this.#blockAt(first + offset);
    return this.#walk({ lo, hi: range.hi }, false, first + offset - before, limit);
  }

  /** The blocks that lie in a range, ascending; those at its ends are cut to it and their count is unknown. */
  blocks(range: Range): readonly (Range & { readonly messages: number | undefined })[] {
    if (compareBounds(range.lo, range.hi) >= 0) return [];
    const all = this.#blocks(range);
    return all.map(({ lo, hi, messages }) => {
      const cut = {
        lo: compareBounds(lo, range.lo) < 0 ? range.lo : lo,
        hi: compareBounds(hi, range.hi) > 0 ? range.hi : hi,
      };
      return { ...cut, messages: cut.lo === lo && cut.hi === hi ? messages : undefined };
    });
  }

  /** The folded entries of a range as a statement. */
  query(range: Range): Query {
    return entriesOf(this.#list, range, this.#snapshot.indexedSeq);
  }

  #blocks({ lo, hi }: Range): readonly Block[] {
    const { statements } = this.#snapshot;
    const rows = statements.all<Key & { messages: number }>(
      `SELECT instant, message_id AS messageId, source, messages FROM blocks
       WHERE list = ? AND ${KEY} < (?, ?, ?) ORDER BY ${ASCENDING}`,
      [this.#list, ...hi],
    );
    if (rows.length === 0) return [{ lo: START, hi: END, messages: this.total() }];
    const blocks = rows.map((row, at) => {
      const next = rows[at + 1];
      const end = next === undefined ? this.#startBehind(row) : boundAt(next);
      return { lo: boundAt(row), hi: end, messages: row.messages };
    });
    return blocks.filter((block) => compareBounds(block.hi, lo) > 0);
  }

  #startBehind(key: Key): Bound {
    const next = this.#snapshot.statements.get<Key>(
      `SELECT instant, message_id AS messageId, source FROM blocks
       WHERE list = ? AND ${KEY} > (?, ?, ?) ORDER BY ${ASCENDING} LIMIT 1`,
      [this.#list, ...boundAt(key)],
    );
    return next === undefined ? END : boundAt(next);
  }

  /** How many lie before a bound: whole blocks, and a walk from the beginning of the one it is in. */
  #before(bound: Bound): number {
    if (compareBounds(bound, START) <= 0) return 0;
    if (compareBounds(bound, END) === 0) return this.total();
    const { statements } = this.#snapshot;
    const block = statements.get<Key>(
      `SELECT instant, message_id AS messageId, source FROM blocks
       WHERE list = ? AND ${KEY} < (?, ?, ?) ORDER BY ${DESCENDING} LIMIT 1`,
      [this.#list, ...bound],
    );
    const lo = block === undefined ? START : boundAt(block);
    const whole = statements.number(`SELECT sum(messages) FROM blocks WHERE list = ? AND ${KEY} < (?, ?, ?)`, [
      this.#list,
      ...lo,
    ]);
    const { sql, values } = this.query({ lo, hi: bound });
    return whole + statements.number(`SELECT count(*) FROM (${sql})`, values);
  }

  /** The block that holds the entry at `index`, and how many come before the block. */
  #blockAt(index: number): { lo: Bound; before: number } {
    // A frame of rows, not of equal keys, and no order: so the walk along the blocks ends at the one that is looked for.
    const row = this.#snapshot.statements.get<Key & { before: number }>(
      `SELECT instant, messageId, source, upTo - messages AS before FROM (
         SELECT instant, message_id AS messageId, source, messages,
           sum(messages) OVER (ORDER BY ${ASCENDING} ROWS UNBOUNDED PRECEDING) AS upTo FROM blocks WHERE list = ?)
       WHERE upTo > ? LIMIT 1`,
      [this.#list, index],
    );
    return row === undefined ? { lo: START, before: 0 } : { lo: boundAt(row), before: row.before };
  }

  #walk(range: Range, reverse: boolean, offset: number, limit: number): readonly Entry[] {
    const { sql, values } = this.query(range);
    const order = reverse ? DESCENDING : ASCENDING;
    return this.#snapshot.statements.all<Entry>(`${sql} ORDER BY ${order} LIMIT ? OFFSET ?`, [
      ...values,
      limit,
      offset,
    ]);
  }
}

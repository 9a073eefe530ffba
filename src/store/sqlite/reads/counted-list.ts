import type { ListPosition } from "../../../domain/message-filter.ts";
import { comparePositions, isEmpty, type ListRange, overlap, START } from "../../list-position.ts";
import type { Slice } from "../../page.ts";
import {
  ASCENDING,
  DESCENDING,
  endValues,
  entriesOf,
  type ListEntry,
  POSITION_COLUMNS,
  POSITION_FIELDS,
  positionValues,
  type Query,
} from "../sql.ts";
import type { IndexedList } from "./merged.ts";
import type { Snapshot } from "./snapshot.ts";

/** A part of a list. Its count is known, unless the part is cut out of a block. */
export interface Block extends ListRange {
  readonly lo: ListPosition;
  readonly messages: number | undefined;
}

/**
 * All messages, or those of one sender. Whole blocks are counted without reading their messages.
 */
export class CountedList implements IndexedList {
  readonly #snapshot: Snapshot;
  readonly #list: string;

  /** `list` is a sender, or '' for all messages. */
  constructor(snapshot: Snapshot, list: string) {
    this.#snapshot = snapshot;
    this.#list = list;
  }

  /** The number of messages in the list. */
  total(): number {
    const { statements, indexedMessages } = this.#snapshot;
    if (this.#list === "") return indexedMessages;
    return statements.number("SELECT messages FROM senders WHERE msisdn = ?", [this.#list]);
  }

  count({ lo = START, hi }: ListRange): number {
    return Math.max(0, this.#before(hi) - this.#before(lo));
  }

  entries(range: ListRange, { reverse, offset, limit }: Slice): readonly ListEntry[] {
    if (offset === 0) return this.#walk(range, reverse, 0, limit);
    const first = this.#before(range.lo ?? START);
    const total = Math.max(0, this.#before(range.hi) - first);
    if (offset >= total) return [];
    if (reverse) {
      const taken = Math.min(limit, total - offset);
      return this.entries(range, {
        reverse: false,
        offset: total - offset - taken,
        limit: taken,
      }).toReversed();
    }
    const { lo, before } = this.#blockAt(first + offset);
    return this.#walk({ lo, hi: range.hi }, false, first + offset - before, limit);
  }

  /**
   * The blocks of a range, ascending. Those at its ends are cut to it, and their count is unknown.
   */
  blocks(range: ListRange): readonly Block[] {
    if (isEmpty(range)) return [];
    return this.#blocks(range).map((block) => {
      const { lo = START, hi } = overlap(range, block);
      return { lo, hi, messages: lo === block.lo && hi === block.hi ? block.messages : undefined };
    });
  }

  /** A statement for the indexed entries of a range. */
  query(range: ListRange): Query {
    return entriesOf(this.#list, range, this.#snapshot.indexedSeq);
  }

  #blocks({ lo, hi }: ListRange): readonly Block[] {
    const { statements } = this.#snapshot;
    const rows = statements.all<ListPosition & { messages: number }>(
      `SELECT ${POSITION_FIELDS}, messages FROM blocks
       WHERE list = ? AND ${POSITION_COLUMNS} < (?, ?, ?) ORDER BY ${ASCENDING}`,
      [this.#list, ...endValues(hi)],
    );
    if (rows.length === 0) return [{ lo: START, hi: undefined, messages: this.total() }];
    const blocks = rows.map((row, at) => {
      const end = rows[at + 1] ?? this.#startAfter(row);
      return { lo: row, hi: end, messages: row.messages };
    });
    return blocks.filter((block) => !isEmpty({ lo, hi: block.hi }));
  }

  #startAfter(position: ListPosition): ListPosition | undefined {
    return this.#snapshot.statements.get<ListPosition>(
      `SELECT ${POSITION_FIELDS} FROM blocks
       WHERE list = ? AND ${POSITION_COLUMNS} > (?, ?, ?) ORDER BY ${ASCENDING} LIMIT 1`,
      [this.#list, ...positionValues(position)],
    );
  }

  /**
   * The number of entries before a position, or of all: whole blocks, and a scan from the beginning
   * of the block with the position.
   */
  #before(position: ListPosition | undefined): number {
    if (position === undefined) return this.total();
    if (comparePositions(position, START) === 0) return 0;
    const { statements } = this.#snapshot;
    const lo =
      statements.get<ListPosition>(
        `SELECT ${POSITION_FIELDS} FROM blocks
         WHERE list = ? AND ${POSITION_COLUMNS} < (?, ?, ?) ORDER BY ${DESCENDING} LIMIT 1`,
        [this.#list, ...positionValues(position)],
      ) ?? START;
    const whole = statements.number(
      `SELECT sum(messages) FROM blocks WHERE list = ? AND ${POSITION_COLUMNS} < (?, ?, ?)`,
      [this.#list, ...positionValues(lo)],
    );
    const { sql, values } = this.query({ lo, hi: position });
    return whole + statements.number(`SELECT count(*) FROM (${sql})`, values);
  }

  /** The block that contains the entry at `index`, and the number of entries before the block. */
  #blockAt(index: number): { lo: ListPosition; before: number } {
    // The frame counts rows, not equal keys, and has no order: so the scan of the blocks ends at
    // the wanted one.
    const row = this.#snapshot.statements.get<ListPosition & { before: number }>(
      `SELECT instant, messageId, source, upTo - messages AS before FROM (
         SELECT ${POSITION_FIELDS}, messages,
           sum(messages) OVER (ORDER BY ${ASCENDING} ROWS UNBOUNDED PRECEDING) AS upTo FROM blocks WHERE list = ?)
       WHERE upTo > ? LIMIT 1`,
      [this.#list, index],
    );
    return row === undefined ? { lo: START, before: 0 } : { lo: row, before: row.before };
  }

  #walk(range: ListRange, reverse: boolean, offset: number, limit: number): readonly ListEntry[] {
    const { sql, values } = this.query(range);
    const order = reverse ? DESCENDING : ASCENDING;
    return this.#snapshot.statements.all<ListEntry>(`${sql} ORDER BY ${order} LIMIT ? OFFSET ?`, [
      ...values,
      limit,
      offset,
    ]);
  }
}

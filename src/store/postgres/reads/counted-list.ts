import type { ListPosition } from "../../../domain/message-filter.ts";
import {
  comparePositions,
  isEmpty,
  isWholeList,
  type ListRange,
  overlap,
} from "../../list-position.ts";
import type { Slice } from "../../page.ts";
import { inTail } from "../index/streams.ts";
import {
  aboutList,
  DESCENDING,
  every,
  inList,
  inRange,
  type List,
  numberOf,
  POSITION_COLUMNS,
  POSITION_FIELDS,
  Values,
} from "../sql.ts";
import type { Snapshot } from "./snapshot.ts";

/**
 * A list whose messages are counted in blocks. Whole blocks are counted without reading their
 * messages.
 */
export class CountedList {
  readonly #snapshot: Snapshot;
  readonly #list: List;

  constructor(snapshot: Snapshot, list: List) {
    this.#snapshot = snapshot;
    this.#list = list;
  }

  /** The number of messages in a range. */
  async count(range: ListRange): Promise<number> {
    if (isWholeList(range)) return this.#total();
    if (isEmpty(range)) return 0;
    const [first, last] = await Promise.all([
      this.#firstBlock(range.lo),
      this.#lastBlock(range.hi),
    ]);
    const hasWhole =
      first !== undefined &&
      (range.hi === undefined || (last !== undefined && comparePositions(first, last) < 0));
    if (!hasWhole) return this.#countRows(range);
    const whole = { lo: first, hi: range.hi === undefined ? undefined : last };
    const parts = [
      this.#countBlocks(whole),
      this.#countTail(whole),
      range.lo === undefined ? 0 : this.#countRows({ lo: range.lo, hi: first }),
      range.hi === undefined ? 0 : this.#countRows({ lo: last, hi: range.hi }),
    ];
    return (await Promise.all(parts)).reduce((sum, part) => sum + part, 0);
  }

  /**
   * The start of a slice, so that no more than about a block has to be scanned. An offset up to
   * `walkedMax` is scanned without the blocks.
   */
  async jump(
    range: ListRange,
    slice: Slice,
    walkedMax: number,
  ): Promise<{ readonly range: ListRange; readonly slice: Slice }> {
    const { reverse, offset, limit } = slice;
    if (offset <= walkedMax) return { range, slice };
    if (reverse) {
      const total = await this.count(range);
      const taken = Math.max(0, Math.min(limit, total - offset));
      const forward = { reverse: false, offset: Math.max(0, total - offset - taken), limit: taken };
      return this.jump(range, forward, walkedMax);
    }
    const before = range.lo === undefined ? 0 : await this.count({ hi: range.lo });
    const block = await this.#blockAt(before + offset);
    if (block === undefined) return { range, slice };
    const rest = overlap(range, { lo: block });
    return {
      range: rest,
      slice: { ...slice, offset: before + offset - Math.max(before, block.before) },
    };
  }

  async #total(): Promise<number> {
    const values = new Values();
    const sql = `SELECT sum(messages)::bigint FROM totals WHERE ${aboutList(this.#list, values)}`;
    const [counted, tail] = await Promise.all([
      numberOf(this.#snapshot.tx, sql, values.list),
      this.#countTail({}),
    ]);
    return counted + tail;
  }

  async #firstBlock(lo: ListPosition | undefined): Promise<ListPosition | undefined> {
    const values = new Values();
    const where = every([aboutList(this.#list, values), ...inRange({ lo }, values)]);
    const sql = `SELECT ${POSITION_FIELDS} FROM blocks WHERE ${where} ORDER BY kind, name, ${POSITION_COLUMNS} LIMIT 1`;
    return (await this.#snapshot.tx.all<ListPosition>(sql, values.list))[0];
  }

  async #lastBlock(hi: ListPosition | undefined): Promise<ListPosition | undefined> {
    if (hi === undefined) return undefined;
    const values = new Values();
    const where = every([aboutList(this.#list, values), ...inRange({ hi }, values)]);
    const sql = `SELECT ${POSITION_FIELDS} FROM blocks WHERE ${where} ORDER BY kind DESC, name DESC, ${DESCENDING} LIMIT 1`;
    return (await this.#snapshot.tx.all<ListPosition>(sql, values.list))[0];
  }

  #countBlocks(range: ListRange): Promise<number> {
    const values = new Values();
    const where = every([aboutList(this.#list, values), ...inRange(range, values)]);
    return numberOf(
      this.#snapshot.tx,
      `SELECT sum(messages)::bigint FROM blocks WHERE ${where}`,
      values.list,
    );
  }

  #countTail(range: ListRange): Promise<number> {
    const values = new Values();
    const tail = inTail(this.#snapshot.marks, values);
    const where = every([tail, ...inList(this.#list, values), ...inRange(range, values)]);
    return numberOf(this.#snapshot.tx, `SELECT count(*) FROM messages WHERE ${where}`, values.list);
  }

  #countRows(range: ListRange): Promise<number> {
    const values = new Values();
    const where = every([...inList(this.#list, values), ...inRange(range, values)]);
    return numberOf(this.#snapshot.tx, `SELECT count(*) FROM messages WHERE ${where}`, values.list);
  }

  /**
   * The last block that begins at or before the message at `index`, and the number of messages
   * before the block.
   */
  async #blockAt(index: number): Promise<(ListPosition & { readonly before: number }) | undefined> {
    const values = new Values();
    const blocks = aboutList(this.#list, values);
    const tail = every([inTail(this.#snapshot.marks, values), ...inList(this.#list, values)]);
    const [block] = await this.#snapshot.tx.all<ListPosition & { before: number }>(
      `WITH tail AS MATERIALIZED (SELECT ${POSITION_COLUMNS} FROM messages WHERE ${tail}),
       both_of AS (
         SELECT ${POSITION_COLUMNS}, messages, 0 AS late FROM blocks WHERE ${blocks}
         UNION ALL SELECT ${POSITION_COLUMNS}, 1, 1 FROM tail),
       summed AS (
         SELECT ${POSITION_COLUMNS}, late, messages,
           sum(messages) OVER (ORDER BY ${POSITION_COLUMNS}, late ROWS UNBOUNDED PRECEDING)::bigint AS up_to FROM both_of)
       SELECT ${POSITION_FIELDS}, up_to - messages AS before FROM summed
       WHERE late = 0 AND up_to - messages <= ${values.add(index)} ORDER BY before DESC, ${DESCENDING} LIMIT 1`,
      values.list,
    );
    return block;
  }
}

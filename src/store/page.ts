import type { ListPosition } from "../domain/message-filter.ts";
import type { MessageQuery } from "../domain/message-query.ts";
import { type ListRange, overlap, positionBehind, rangeOf } from "./list-position.ts";
import type { MessagePage, StoredMessage } from "./store.ts";

/** Which rows of a range: `limit` of them behind the first `offset`, from its beginning or, `reverse`, from its end. */
export interface Slice {
  readonly reverse: boolean;
  readonly offset: number;
  readonly limit: number;
}

/** What is read for a page, and in which direction. */
export interface PageRead {
  /** All rows of the filter's span of time. */
  readonly range: ListRange;
  /** Of these, the rows on the side of the page's cursor. */
  readonly rest: ListRange;
  /** One row more than the page has: it shows whether the list goes on. */
  readonly slice: Slice;
  /** Whether the total is asked for. */
  readonly exact: boolean;
  /** Whether the page may end before it is full. A client continues it by its cursor. */
  readonly stepwise: boolean;
}

export function pageReadOf({ filter, order, offset, limit, cursor, count }: MessageQuery): PageRead {
  const range = rangeOf(filter);
  const reverse = cursor === undefined ? order === "desc" : (order === "desc") === (cursor.side === "after");
  const side = reverse ? { hi: cursor?.position } : { lo: cursor && positionBehind(cursor.position) };
  const exact = count === "exact";
  return {
    range,
    rest: cursor === undefined ? range : overlap(range, side),
    slice: { reverse, offset, limit: limit + 1 },
    exact,
    stepwise: !exact && offset === 0,
  };
}

/** The part of a read up to a row, that row included. */
export function readUpTo({ rest, slice }: Pick<PageRead, "rest" | "slice">, last: ListPosition): ListRange {
  return overlap(rest, slice.reverse ? { lo: last } : { hi: positionBehind(last) });
}

/** What was read for a page. */
export interface PageRows<Row extends ListPosition> {
  /** In the order in which they were read. */
  readonly rows: readonly Row[];
  /** The row up to which the list was read when that was not its end. */
  readonly stoppedAt?: ListPosition | undefined;
  readonly total: number | null;
}

/** Assembles a page from the rows that were read for it, with the cursors to both sides. */
export function pageOf<Row extends ListPosition>(
  { offset, limit, cursor }: MessageQuery,
  { rows, stoppedAt, total }: PageRows<Row>,
  messageOf: (row: Row) => StoredMessage,
): MessagePage {
  const backwards = cursor?.side === "before";
  const page = backwards ? rows.slice(0, limit).toReversed() : rows.slice(0, limit);
  const [first, last] = [page[0], page.at(-1)];
  // Where the list goes on in the direction in which it was read, and where it came from.
  const onward = rows.length > limit ? (backwards ? first : last) : stoppedAt;
  const behind = cursor !== undefined || offset > 0 ? (backwards ? last : first) : undefined;
  const [next, previous] = backwards ? [behind, onward] : [onward, behind];
  return {
    messages: page.map(messageOf),
    total,
    next: next === undefined ? null : { position: positionOf(next), side: "after" },
    previous: previous === undefined ? null : { position: positionOf(previous), side: "before" },
  };
}

/** Only the position: a row may have more fields, which a cursor must not show. */
function positionOf({ instant, messageId, source }: ListPosition): ListPosition {
  return { instant, messageId, source };
}

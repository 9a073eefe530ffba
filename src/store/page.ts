import type { ListPosition } from "../domain/message-filter.ts";
import type { MessageQuery } from "../domain/message-query.ts";
import { type ListRange, overlap, positionAfter, rangeOf } from "./list-position.ts";
import type { MessagePage, StoredMessage } from "./store.ts";

/**
 * The rows of a range: `limit` of them after the first `offset`, from its beginning or, with
 * `reverse`, from its end.
 */
export interface Slice {
  readonly reverse: boolean;
  readonly offset: number;
  readonly limit: number;
}

/** What is read for a page, and in which direction. */
export interface PageRead {
  /** All rows of the filter's time span. */
  readonly range: ListRange;
  /** The rows of `range` on the side of the page's cursor. */
  readonly rest: ListRange;
  /** One row more than the page has, which shows whether the list continues. */
  readonly slice: Slice;
  /** Whether the exact total is needed. */
  readonly exact: boolean;
  /** Whether the page may end before it is full. The client continues it by its cursor. */
  readonly stepwise: boolean;
}

export function pageReadOf({
  filter,
  order,
  offset,
  limit,
  cursor,
  count,
}: MessageQuery): PageRead {
  const range = rangeOf(filter);
  const reverse =
    cursor === undefined ? order === "desc" : (order === "desc") === (cursor.side === "after");
  const side = reverse
    ? { hi: cursor?.position }
    : { lo: cursor && positionAfter(cursor.position) };
  const exact = count === "exact";
  return {
    range,
    rest: cursor === undefined ? range : overlap(range, side),
    slice: { reverse, offset, limit: limit + 1 },
    exact,
    stepwise: !exact && offset === 0,
  };
}

/** The part of a read up to a row, including that row. */
export function readUpTo(
  { rest, slice }: Pick<PageRead, "rest" | "slice">,
  last: ListPosition,
): ListRange {
  return overlap(rest, slice.reverse ? { lo: last } : { hi: positionAfter(last) });
}

/** The rows that were read for a page. */
export interface PageRows<Row extends ListPosition> {
  /** In the order in which they were read. */
  readonly rows: readonly Row[];
  /** The row at which reading stopped, if that was not the end of the list. */
  readonly stoppedAt?: ListPosition | undefined;
  readonly total: number | null;
}

/** Assembles a page from the rows that were read for it, with the cursors of both sides. */
export function pageOf<Row extends ListPosition>(
  { offset, limit, cursor }: MessageQuery,
  { rows, stoppedAt, total }: PageRows<Row>,
  messageOf: (row: Row) => StoredMessage,
): MessagePage {
  const backwards = cursor?.side === "before";
  const page = backwards ? rows.slice(0, limit).toReversed() : rows.slice(0, limit);
  const [first, last] = [page[0], page.at(-1)];
  // Where the list continues in the direction in which it was read, and where it came from.
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

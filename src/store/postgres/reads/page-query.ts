import type { CursorPosition, MessageFilter } from "../../../domain/message-filter.ts";
import type { MessageQuery } from "../../../domain/message-query.ts";
import { isWholeList } from "../../list-position.ts";
import { type PageRead, pageReadOf } from "../../page.ts";
import { containsPattern, patternOf } from "../index/searchable.ts";
import { ALL, inList, type List, type Values } from "../sql.ts";

/** What is read for a page, and from which list. */
export interface PageQuery extends PageRead {
  readonly list: List;
  readonly filter: MessageFilter;
  /** Whether a row is restricted by more than the list and its range. */
  readonly narrowed: boolean;
  /** Whether there are texts in another form than that of the search. */
  readonly oldForms: boolean;
}

export function pageQueryOf(query: MessageQuery, oldForms: boolean): PageQuery {
  const { filter, cursor } = query;
  const { from, to, source, q } = filter;
  const list: List =
    from !== undefined
      ? { kind: "from", name: from }
      : to !== undefined
        ? { kind: "to", name: to }
        : ALL;
  const narrowed =
    (from !== undefined && to !== undefined) || source !== undefined || q !== undefined;
  const read = pageReadOf(
    cursor === undefined ? query : { ...query, cursor: storableCursor(cursor) },
  );
  return { ...read, list, filter, narrowed, oldForms };
}

/**
 * Removes NUL from the position of a cursor. A forged cursor may contain NUL, which the server
 * would refuse.
 */
function storableCursor({ position, side }: CursorPosition): CursorPosition {
  const clean = <T extends string>(text: T) => text.toWellFormed().replaceAll("\0", "") as T;
  const { instant, messageId, source } = position;
  return {
    position: { instant: clean(instant), messageId: clean(messageId), source: clean(source) },
    side,
  };
}

/** The conditions on a row other than its position. */
export function conditions(
  { list, filter, narrowed, oldForms }: PageQuery,
  values: Values,
): readonly string[] {
  const { from, to, source, q } = filter;
  const equal = (column: string, value: string | undefined) =>
    value === undefined ? [] : [`${column} = ${values.add(value)}`];
  if (!narrowed) return inList(list, values);
  return [
    ...equal("from_msisdn", from),
    ...equal("to_msisdn", to),
    ...equal("source", source),
    // The last one, because it costs most.
    ...(q === undefined ? [] : [containsPattern(values.add(patternOf(q)), oldForms)]),
  ];
}

/** Whether the query is only about one source, which has its own total. */
export function isWholeSource({ filter, range }: PageQuery): boolean {
  const { from, to, source, q } = filter;
  return (
    source !== undefined &&
    isWholeList(range) &&
    [from, to, q].every((other) => other === undefined)
  );
}

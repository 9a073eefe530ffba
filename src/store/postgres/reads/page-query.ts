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
  /** Whether there is more to be held against a row than the list and its range. */
  readonly narrowed: boolean;
  /** Whether there are texts in another form than that of the search. */
  readonly oldForms: boolean;
}

export function pageQueryOf(query: MessageQuery, oldForms: boolean): PageQuery {
  const { filter, cursor } = query;
  const { from, to, source, q } = filter;
  const list: List =
    from !== undefined ? { kind: "from", name: from } : to !== undefined ? { kind: "to", name: to } : ALL;
  const narrowed = (from !== undefined && to !== undefined) || source !== undefined || q !== undefined;
  const read = pageReadOf(cursor === undefined ? query : { ...query, cursor: storableCursor(cursor) });
  return { ...read, list, filter, narrowed, oldForms };
}

/** The place of a cursor. What is in it need not come from here, but NUL would be refused. */
function storableCursor({ position, side }: CursorPosition): CursorPosition {
  const clean = <T extends string>(text: T) => text.toWellFormed().replaceAll("\0", "") as T;
  const { instant, messageId, source } = position;
  return { position: { instant: clean(instant), messageId: clean(messageId), source: clean(source) }, side };
}

/** What is asked of a row besides its place in the order. */
export function conditions({ list, filter, narrowed, oldForms }: PageQuery, values: Values): readonly string[] {
  const { from, to, source, q } = filter;
  const equal = (column: string, value: string | undefined) =>
    value === undefined ? [] : [`${column} = ${values.add(value)}`];
  if (!narrowed) return inList(list, values);
  return [
    ...equal("from_msisdn", from),
    ...equal("to_msisdn", to),
    ...equal("source", source),
    // The last, because it costs most.
    ...(q === undefined ? [] : [containsPattern(values.add(patternOf(q)), oldForms)]),
  ];
}

/** Whether all that is asked is where messages came through, which has a total of its own. */
export function isWholeSource({ filter, range }: PageQuery): boolean {
  const { from, to, source, q } = filter;
  return source !== undefined && isWholeList(range) && [from, to, q].every((other) => other === undefined);
}

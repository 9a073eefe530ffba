import type { MessageFilter, Place } from "../../../domain/message-filter.ts";
import type { MessageQuery } from "../../../domain/message-query.ts";
import { containsPattern, patternOf } from "../index/searchable.ts";
import { ALL, type Key, keyAt, keyBehind, type List, overlap, type Range } from "../key.ts";
import { inList, type Values } from "../sql.ts";
import type { Slice } from "./counted-list.ts";

/** A filter, and how the place of a page and its order narrow what is read for it. */
export interface Question {
  readonly list: List;
  readonly filter: MessageFilter;
  /** All that match. */
  readonly range: Range;
  /** Of these, what lies on the side of the page's place. */
  readonly rest: Range;
  readonly slice: Slice;
  /** Whether there is more to be held against a row than the list and its range. */
  readonly narrowed: boolean;
  /** Whether there are texts in another form than that of the search. */
  readonly oldForms: boolean;
}

export function questionOf(query: MessageQuery, oldForms: boolean): Question {
  const { filter, order, offset, limit, place } = query;
  const { from, to, source, since, until, q } = filter;
  const range = {
    lo: since === undefined ? undefined : keyAt(since),
    hi: until === undefined ? undefined : keyAt(until),
  };
  const reverse = place === undefined ? order === "desc" : (order === "desc") === (place.side === "after");
  const side = place === undefined ? {} : reverse ? { hi: keyOf(place) } : { lo: keyBehind(keyOf(place)) };
  const list: List =
    from !== undefined ? { kind: "from", name: from } : to !== undefined ? { kind: "to", name: to } : ALL;
  const narrowed = (from !== undefined && to !== undefined) || source !== undefined || q !== undefined;
  const slice = { reverse, offset, limit: limit + 1 };
  return { list, filter, range, rest: overlap(range, side), slice, narrowed, oldForms };
}

/** The key of a cursor. What is in it need not come from here, but NUL would be refused. */
function keyOf({ position }: Place): Key {
  const clean = (text: string) => text.toWellFormed().replaceAll("\0", "");
  return {
    instant: clean(position.instant),
    messageId: clean(position.messageId),
    source: clean(position.source),
  };
}

/** What is asked of a row besides its place in the order. */
export function conditions({ list, filter, narrowed, oldForms }: Question, values: Values): readonly string[] {
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
export function isWholeSource({ filter, range }: Question): boolean {
  const { from, to, source, q } = filter;
  return source !== undefined && [from, to, q, range.lo, range.hi].every((other) => other === undefined);
}

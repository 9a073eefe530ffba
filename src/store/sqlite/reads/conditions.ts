import { foldCase } from "../../../domain/case-fold.ts";
import type { MessageFilter } from "../../../domain/message-filter.ts";
import type { Query } from "../sql.ts";

/**
 * The conditions of a filter on a row of `lyftr_messages`, except for its time span and its text;
 * `1` when there are none.
 */
export function conditionsOf({ from, to, source, q }: MessageFilter): Query {
  const conditions: string[] = [];
  const values: string[] = [];
  const add = (condition: string, value: string | undefined) => {
    if (value === undefined) return;
    conditions.push(condition);
    values.push(value);
  };
  add("lyftr_messages.from_msisdn = ?", from);
  add("lyftr_messages.to_msisdn = ?", to);
  add("lyftr_messages.source = ?", source);
  if (q !== undefined) conditions.push("lyftr_messages.text IS NOT NULL");
  return { sql: conditions.length === 0 ? "1" : conditions.join(" AND "), values };
}

/** Whether a text contains the part that is searched for. */
export type TextTest = (text: string) => boolean;

/**
 * The text test of a filter. It runs in JavaScript, row by row. LIKE and lower() of SQLite only
 * know the case of ASCII. A function of ours is no alternative: SQLite for Node.js would keep every
 * text until the statement ends.
 */
export function textTestOf({ q }: MessageFilter): TextTest | undefined {
  if (q === undefined) return undefined;
  const part = foldCase(q);
  return (text) => foldCase(text).includes(part);
}

/** What {@link rowTestOf} looks at. */
interface TestedRow {
  readonly from: string;
  readonly to: string;
  readonly source: string;
  /** In the form of `foldCase`. */
  readonly foldedText: string | null;
}

/**
 * The same conditions and the same text test for a row in memory; undefined when a filter has none.
 */
export function rowTestOf({
  from,
  to,
  source,
  q,
}: MessageFilter): ((row: TestedRow) => boolean) | undefined {
  if ([from, to, source, q].every((value) => value === undefined)) return undefined;
  const part = q === undefined ? undefined : foldCase(q);
  return (row) =>
    (from === undefined || row.from === from) &&
    (to === undefined || row.to === to) &&
    (source === undefined || row.source === source) &&
    (part === undefined || row.foldedText?.includes(part) === true);
}

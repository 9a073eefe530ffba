import { foldCase } from "../../../domain/case-fold.ts";
import type { MessageFilter } from "../../../domain/message-filter.ts";
import type { Query } from "../sql.ts";

/** What a filter asks of a row of `lyftr_messages`, but for its place in time and its text; `1` when nothing. */
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

/** Whether a text has the part that is searched for. */
export type TextTest = (text: string) => boolean;

/**
 * The test of texts that a filter asks for. It runs in JavaScript, row by row: LIKE and lower() of SQLite know the
 * case of ASCII only, and of a function of ours SQLite for Node.js would keep every text until the statement ends.
 */
export function textTestOf({ q }: MessageFilter): TextTest | undefined {
  if (q === undefined) return undefined;
  const part = foldCase(q);
  return (text) => foldCase(text).includes(part);
}

import { foldCase } from "../../../domain/case-fold.ts";
import type { MessageFilter } from "../../../domain/message-filter.ts";
import { END, type Range, START } from "../key.ts";
import type { Query } from "../lists.ts";

/** What a filter asks of a row of `messages`, but for its place in time; `1` when nothing. */
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
  // The last, because it costs most.
  add(
    "lyftr_messages.text IS NOT NULL AND contains_folded(lyftr_messages.text, ?)",
    q === undefined ? undefined : foldCase(q),
  );
  return { sql: conditions.length === 0 ? "1" : conditions.join(" AND "), values };
}

/** The span of time of a filter. */
export function rangeOf({ since, until }: Pick<MessageFilter, "since" | "until">): Range {
  return { lo: since === undefined ? START : [since, "", ""], hi: until === undefined ? END : [until, "", ""] };
}

import type { ListEntry, Query } from "../sql.ts";
import type { Statements } from "../statements.ts";
import type { TextTest } from "./conditions.ts";

/**
 * Rows between two checks whether the result is still wanted: a millisecond, or ten with the
 * longest texts.
 */
export const ROWS_PER_CHECK = 256;

/** What is needed of a snapshot. */
export interface Walked {
  readonly statements: Statements;
  /** Throws when the result is no longer wanted. */
  readonly check: () => void;
}

/**
 * Yields the rows of a statement, with only one in memory. Stops when the result is no longer
 * wanted.
 */
export function* walk<T extends readonly unknown[]>(
  snapshot: Walked,
  { sql, values }: Query,
): Generator<T> {
  let rows = 0;
  for (const row of snapshot.statements.iterate<T>(sql, values)) {
    if (rows++ % ROWS_PER_CHECK === 0) snapshot.check();
    yield row;
  }
}

/** The rows of a filter within a part of a list. */
export interface Matching {
  /** FROM and WHERE; the table of the rows must be named `lyftr_messages`. */
  readonly from: Query;
  /** The test of their texts, if any. */
  readonly has: TextTest | undefined;
  readonly order: string;
}

export function countMatching(snapshot: Walked, { from, has }: Omit<Matching, "order">): number {
  snapshot.check();
  const { sql, values } = from;
  if (has === undefined) return snapshot.statements.number(`SELECT count(*) ${sql}`, values);
  let count = 0;
  for (const [text] of walk<[string]>(snapshot, {
    sql: `SELECT lyftr_messages.text ${sql}`,
    values,
  })) {
    if (has(text)) count++;
  }
  return count;
}

interface MatchingPart {
  readonly entries: readonly ListEntry[];
  /** How many of the matches to be skipped are in this part. */
  readonly skipped: number;
}

const COLUMNS =
  "lyftr_messages.seq, lyftr_messages.instant, lyftr_messages.message_id, lyftr_messages.source";

/** At most `limit` matches of a part in its order, after the first `skip`. */
export function findMatching(
  snapshot: Walked,
  { from, has, order }: Matching,
  { skip, limit }: { readonly skip: number; readonly limit: number },
): MatchingPart {
  const { sql, values } = from;
  const entries: ListEntry[] = [];
  let skipped = 0;
  const text = has === undefined ? "NULL" : "lyftr_messages.text";
  const rows = walk<[number, string, string, string, string]>(snapshot, {
    sql: `SELECT ${COLUMNS}, ${text} ${sql} ORDER BY ${order}`,
    values,
  });
  for (const [seq, instant, messageId, source, candidate] of rows) {
    if (has !== undefined && !has(candidate)) continue;
    if (skipped < skip) {
      skipped++;
      continue;
    }
    entries.push({ seq, instant, messageId, source });
    if (entries.length === limit) break;
  }
  return { entries, skipped };
}

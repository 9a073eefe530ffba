import { comparePositions } from "../../list-position.ts";
import { BUCKETS } from "../../store.ts";
import { type ListEntry, POSITION_COLUMNS } from "../sql.ts";
import type { Statements } from "../statements.ts";
import { BLOCK_ROWS_MAX, takeFromBlocks } from "./blocks.ts";
import { CONTENT_SUM_MASK, type Content, contentSum } from "./content-sum.ts";
import { searchable } from "./searchable.ts";

/** The fields of an indexed message that the index uses. */
export interface Indexed extends ListEntry, Content {
  readonly from: string;
  readonly to: string;
}

export interface UnindexOptions {
  /**
   * Removes its letters from the search index at once. Otherwise they are removed when parts of the
   * search index are merged, which costs far less.
   */
  readonly thorough: boolean;
  /** A list of this many messages needs no blocks. */
  readonly blockRowsMax?: number;
}

/**
 * Removes messages from every part of the read index. It reads only the index and its arguments,
 * because the same transaction is about to delete the messages.
 */
export function unindexMessages(
  statements: Statements,
  rows: readonly Indexed[],
  options: UnindexOptions,
): void {
  const sorted = [...rows].sort(comparePositions);
  takeFromSearch(statements, sorted, options.thorough);
  takeFromBlocks(statements, { list: "", entries: sorted });
  const senders = [...Map.groupBy(sorted, ({ from }) => from)];
  const gone = senders.filter(([from, entries]) =>
    takeFromSender(statements, { from, entries, ...options }),
  ).length;
  takeFromSpans(statements, sorted);
  const sum = sorted.reduce((total, row) => total + contentSum(row), 0);
  statements.run(
    `UPDATE index_state SET messages = messages - ?, senders = senders - ?,
       content_sum = ${CONTENT_SUM_MASK} & (content_sum - ?)`,
    [rows.length, gone, sum],
  );
}

function takeFromSearch(statements: Statements, rows: readonly Indexed[], thorough: boolean): void {
  // As literals: a bound number would not be an integer for it.
  const setThorough = (on: 0 | 1) =>
    statements.run(`INSERT INTO search (search, rank) VALUES ('secure-delete', ${on})`);
  if (thorough) setThorough(1);
  for (const { seq, text } of rows) {
    if (text === null) continue;
    statements.run("INSERT INTO search (search, rowid, text) VALUES ('delete', ?, ?)", [
      seq,
      searchable(text),
    ]);
  }
  if (thorough) setThorough(0);
}

/** Returns whether nothing is left of the sender. */
function takeFromSender(
  statements: Statements,
  {
    from,
    entries,
    blockRowsMax = BLOCK_ROWS_MAX,
  }: UnindexOptions & { readonly from: string; readonly entries: readonly Indexed[] },
): boolean {
  for (const { instant, messageId, source } of entries) {
    statements.run(
      `DELETE FROM messages_by_sender WHERE from_msisdn = ? AND ${POSITION_COLUMNS} = (?, ?, ?)`,
      [from, instant, messageId, source],
    );
  }
  statements.run("UPDATE senders SET messages = messages - ? WHERE msisdn = ?", [
    entries.length,
    from,
  ]);
  const left = statements.number("SELECT messages FROM senders WHERE msisdn = ?", [from]);
  if (left === 0) statements.run("DELETE FROM senders WHERE msisdn = ?", [from]);
  // Indexing would not maintain the blocks of a list that needs none.
  if (left <= blockRowsMax) statements.run("DELETE FROM blocks WHERE list = ?", [from]);
  else takeFromBlocks(statements, { list: from, entries });
  return left === 0;
}

function takeFromSpans(statements: Statements, rows: readonly Indexed[]): void {
  for (const characters of Object.values(BUCKETS)) {
    // A message without such a bucket is counted in none, so the statement changes nothing.
    for (const [start, { length }] of Map.groupBy(rows, ({ instant }) =>
      instant.slice(0, characters),
    )) {
      const place = [characters, start];
      statements.run(
        "UPDATE spans SET messages = messages - ? WHERE characters = ? AND start = ?",
        [length, ...place],
      );
      statements.run(
        "DELETE FROM spans WHERE characters = ? AND start = ? AND messages = 0",
        place,
      );
    }
  }
}

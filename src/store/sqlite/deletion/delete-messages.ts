import { tombstoneOf } from "../../retention.ts";
import { transaction } from "../connection.ts";
import { LAST_INDEXED, rebuild } from "../index/connection.ts";
import { isInSync } from "../index/index-messages.ts";
import { type Indexed, type UnindexOptions, unindexMessages } from "../index/unindex-messages.ts";
import type { Statements } from "../statements.ts";

export interface Deletion extends UnindexOptions {
  /** Until when the ids are kept. */
  readonly tombstonesUntil: string;
}

/** The columns of an {@link Indexed}. */
export const INDEXED = `seq, source, message_id AS messageId, from_msisdn AS "from", to_msisdn AS "to", instant, ts,
  created_at AS createdAt, text`;

/**
 * Deletes messages and their entries in the read index, in one transaction on a connection to both.
 * Resolves with their number, or 0 when another process has deleted some of them: then they have to
 * be searched again.
 *
 * Of the two files the messages are written last, so that inserts wait only for milliseconds, and
 * committed first. A reader between the two commits sees that the index has not followed
 * (`deletions`), and tries again. The index is fsynced too: after a power cut it must not count
 * deleted messages.
 */
export function deleteMessages(
  statements: Statements,
  rows: readonly Indexed[],
  deletion: Deletion,
): number {
  if (rows.length === 0) return 0;
  const { db } = statements;
  // Freed pages are overwritten. That is too expensive for all other writes.
  db.exec("PRAGMA secure_delete = ON; PRAGMA read_index.synchronous = FULL");
  try {
    return transaction(db, "BEGIN", () => deleteInBoth(statements, rows, deletion));
  } catch (error) {
    if (error instanceof DeletedConcurrently) return 0;
    throw error;
  } finally {
    db.exec("PRAGMA secure_delete = FAST; PRAGMA read_index.synchronous = NORMAL");
  }
}

class DeletedConcurrently extends Error {}

function deleteInBoth(
  statements: Statements,
  rows: readonly Indexed[],
  deletion: Deletion,
): number {
  // The write lock of the index keeps other threads and processes from indexing or deleting. The
  // messages are not read yet: a read would pin a snapshot, which cannot become a write once
  // another connection has stored something.
  statements.run("UPDATE index_state SET seq = seq");
  const indexedSeq = statements.number("SELECT seq FROM index_state");
  const indexed = rows.filter(({ seq }) => seq <= indexedSeq);
  unindexMessages(statements, indexed, deletion);
  let lastSeq = 0;
  for (const { seq, source, messageId } of rows) {
    if (statements.run("DELETE FROM lyftr_messages WHERE seq = ?", [seq]) === 0)
      throw new DeletedConcurrently();
    lastSeq = Math.max(lastSeq, seq);
    statements.run(
      "INSERT INTO tombstones VALUES (?, ?) ON CONFLICT DO UPDATE SET expires_at = max(expires_at, excluded.expires_at)",
      [tombstoneOf({ source, messageId }), deletion.tombstonesUntil],
    );
  }
  // A process ended between its two commits, so the entries just removed belong to other messages.
  // The whole index is rebuilt.
  if (!isInSync(statements)) rebuild(statements.db);
  statements.run(
    "UPDATE deletions SET generation = generation + 1, seq_floor = max(seq_floor, ?)",
    [lastSeq],
  );
  statements.run(
    `UPDATE index_state SET deletions = (SELECT generation FROM main.deletions), last_message = (${LAST_INDEXED})`,
  );
  return rows.length;
}

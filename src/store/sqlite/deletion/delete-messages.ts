import { tombstoneOf } from "../../retention.ts";
import { transaction } from "../connection.ts";
import { LAST_INDEXED, rebuild } from "../index/connection.ts";
import { isInSync } from "../index/index-messages.ts";
import { type Indexed, type UnindexOptions, unindexMessages } from "../index/unindex-messages.ts";
import type { Statements } from "../statements.ts";

export interface Deletion extends UnindexOptions {
  /** Until when the ids are still known. */
  readonly tombstonesUntil: string;
}

/** The columns of an {@link Indexed}. */
export const INDEXED = `seq, source, message_id AS messageId, from_msisdn AS "from", to_msisdn AS "to", instant, ts,
  created_at AS createdAt, text`;

/**
 * Deletes messages that were read before, with all that the read index has of them, in one transaction on a connection to both. Resolves
 * with how many; none when another process deleted some of them meanwhile: then they have to be looked for again.
 *
 * Of the two files the messages are written last, so that whoever stores waits for milliseconds only, and committed first. Readers who come in
 * between see that the index has not followed (`deletions`), and look again. The index is fsynced too: a power cut must not leave it counting
 * what is not there any more.
 */
export function deleteMessages(statements: Statements, rows: readonly Indexed[], deletion: Deletion): number {
  if (rows.length === 0) return 0;
  const { db } = statements;
  // Freed pages are overwritten, which is too dear for everything else that is written.
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

function deleteInBoth(statements: Statements, rows: readonly Indexed[], deletion: Deletion): number {
  // The write lock of the index; no other thread or process indexes or deletes meanwhile. The messages are not touched yet: a look at them would be of one moment,
  // and could not become a write once somebody has stored something.
  statements.run("UPDATE fold_state SET seq = seq");
  const indexedSeq = statements.number("SELECT seq FROM fold_state");
  const folded = rows.filter(({ seq }) => seq <= indexedSeq);
  unindexMessages(statements, folded, deletion);
  let lastSeq = 0;
  for (const { seq, source, messageId } of rows) {
    if (statements.run("DELETE FROM lyftr_messages WHERE seq = ?", [seq]) === 0) throw new DeletedConcurrently();
    lastSeq = Math.max(lastSeq, seq);
    statements.run(
      "INSERT INTO tombstones VALUES (?, ?) ON CONFLICT DO UPDATE SET expires_at = max(expires_at, excluded.expires_at)",
      [tombstoneOf({ source, messageId }), deletion.tombstonesUntil],
    );
  }
  // Somebody ended between their two commits, and what was taken out of the index is of other messages: all of it is made again.
  if (!isInSync(statements)) rebuild(statements.db);
  statements.run("UPDATE deletions SET generation = generation + 1, seq_floor = max(seq_floor, ?)", [lastSeq]);
  statements.run(
    `UPDATE fold_state SET deletions = (SELECT generation FROM main.deletions), last_message = (${LAST_INDEXED})`,
  );
  return rows.length;
}

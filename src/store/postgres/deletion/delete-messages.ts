import { setTimeout as sleep } from "node:timers/promises";
import { StoreUnavailable } from "../../../domain/errors.ts";
import type { Transaction } from "../connection.ts";
import type { Database } from "../database.ts";
import { isLockTimeout } from "../failures.ts";
import { pruneCounts } from "../index/prune-counts.ts";
import { inTail, watermarks } from "../index/streams.ts";
import { addToBlocks, addToTotals } from "../index/update-counts.ts";
import { type Condition, every, Values } from "../sql.ts";

/** Inserts queue behind the statement that waits for this lock, so it must not wait for long. */
const BARRIER_WAIT = "lock_timeout = '250ms'";
const BARRIER_PAUSE_MS = 100;
const BARRIER_MS_MAX = 4_000;
/** The hash of `tombstoneOf`, computed by the server, so that the deleted rows need not be read. */
const HASH = `encode(substr(sha256(convert_to(source, 'UTF8') || '\\x00'::bytea || convert_to(message_id, 'UTF8')), 1, 16), 'hex')`;

/**
 * Makes every insert check for tombstones from now on. An insert that does not check yet reads
 * `deletions` in the statement that stores, and so holds a lock on that table until it ends. When
 * this transaction gets its lock, all such inserts have ended, and the next ones see the row.
 */
export async function announceDeletions(database: Database): Promise<void> {
  const deadlineMs = performance.now() + BARRIER_MS_MAX;
  while ((await database.all("SELECT 1 FROM deletions")).length === 0) {
    try {
      await database.transaction(recordFirstDeletion, { settings: [BARRIER_WAIT] });
    } catch (error) {
      if (!isLockTimeout(error instanceof Error ? error.cause : error)) throw error;
      const reason =
        "another session holds a lock on the table deletions, which the first deletion needs exclusively for a moment: perhaps a dump";
      if (performance.now() > deadlineMs)
        throw new StoreUnavailable(`PostgreSQL: ${reason}`, { cause: error });
      // During this pause the inserts that queued behind the lock run.
      await sleep(BARRIER_PAUSE_MS);
    }
  }
}

async function recordFirstDeletion(tx: Transaction): Promise<void> {
  await tx.run("LOCK TABLE deletions IN ACCESS EXCLUSIVE MODE");
  await tx.run("INSERT INTO deletions VALUES (1, now()) ON CONFLICT DO NOTHING");
}

export interface Deletion {
  /** Selects what to delete. No later message may match, so it names streams and how far. */
  readonly chosen: Condition;
  readonly tombstonesUntil: string;
}

/**
 * Deletes messages, removes the counted ones from the counts, and adds tombstones, in one
 * transaction. Other sessions see all of it or nothing. Resolves with the number of messages.
 */
export function deleteChosen(
  database: Database,
  { chosen, tombstonesUntil }: Deletion,
): Promise<number> {
  return database.transaction(async (tx) => {
    // Counting, recounting and deleting are serialized by this row. The holder keeps its lease.
    await tx.run("UPDATE leases SET holder = holder WHERE name = 'index'");
    // Read when the messages are chosen: messages in an unknown stream count as counted, and a new
    // stream would be mistaken for one.
    const marks = await watermarks(tx);
    const counted: Condition = (values) => every([chosen(values), `NOT ${inTail(marks, values)}`]);
    const [, changed, deleted] = await Promise.all([
      addToTotals(tx, counted, -1),
      addToBlocks(tx, counted, -1),
      insertTombstones(tx, chosen, tombstonesUntil),
    ]);
    await pruneCounts(tx, changed);
    return deleted;
  });
}

async function insertTombstones(
  tx: Transaction,
  chosen: Condition,
  tombstonesUntil: string,
): Promise<number> {
  const values = new Values();
  return tx.run(
    `WITH gone AS (DELETE FROM messages WHERE ${chosen(values)} RETURNING source, message_id)
     INSERT INTO tombstones (hash, expires_at) SELECT ${HASH}, ${values.add(tombstonesUntil)}::text FROM gone
     ON CONFLICT (hash) DO UPDATE SET expires_at = excluded.expires_at`,
    values.list,
  );
}

import { setTimeout as sleep } from "node:timers/promises";
import { StoreUnavailable } from "../../../domain/errors.ts";
import type { Transaction } from "../connection.ts";
import type { Database } from "../database.ts";
import { isLockTimeout } from "../failures.ts";
import { pruneCounts } from "../index/prune-counts.ts";
import { inTail, watermarks } from "../index/streams.ts";
import { addToBlocks, addToTotals } from "../index/update-counts.ts";
import { type Condition, every, Values } from "../sql.ts";

/** Whoever stores waits behind whoever waits for this lock, so not for long. */
const BARRIER_WAIT = "lock_timeout = '250ms'";
const BARRIER_PAUSE_MS = 100;
const BARRIER_MS_MAX = 4_000;
/** The hash of `tombstoneOf`, so that what is deleted need not come here. */
const HASH = `encode(substr(sha256(convert_to(source, 'UTF8') || '\\x00'::bytea || convert_to(message_id, 'UTF8')), 1, 16), 'hex')`;

/**
 * Has everybody who stores look for tombstones from now on. Whoever does not look yet asks `deletions` in the very statement that stores,
 * which holds a lock of that table to its end: so when this one is had, all of those have ended, and the next ones see the row.
 */
export async function announceDeletions(database: Database): Promise<void> {
  const deadlineMs = performance.now() + BARRIER_MS_MAX;
  while ((await database.all("SELECT 1 FROM deletions")).length === 0) {
    try {
      await database.transaction(recordFirstDeletion, { settings: [BARRIER_WAIT] });
    } catch (error) {
      if (!isLockTimeout(error instanceof Error ? error.cause : error)) throw error;
      const reason =
        "somebody holds the table deletions, which the first deletion needs to itself for a moment: a dump perhaps";
      if (performance.now() > deadlineMs) throw new StoreUnavailable(`PostgreSQL: ${reason}`, { cause: error });
      // Those who waited behind it store meanwhile.
      await sleep(BARRIER_PAUSE_MS);
    }
  }
}

async function recordFirstDeletion(tx: Transaction): Promise<void> {
  await tx.run("LOCK TABLE deletions IN ACCESS EXCLUSIVE MODE");
  await tx.run("INSERT INTO deletions VALUES (1, now()) ON CONFLICT DO NOTHING");
}

export interface Deletion {
  /** What to delete. No message may come to it later: so it names streams and how far. */
  readonly chosen: Condition;
  readonly tombstonesUntil: string;
}

/**
 * Deletes messages, takes those that are counted out of the counts, and leaves tombstones: one transaction, which nobody sees a half of.
 * Resolves with how many they were.
 */
export function deleteChosen(database: Database, { chosen, tombstonesUntil }: Deletion): Promise<number> {
  return database.transaction(async (tx) => {
    // Whoever counts, counts anew or deletes waits here until this is done, and who has the lease keeps it.
    await tx.run("UPDATE leases SET holder = holder WHERE name = 'fold'");
    // Read when the messages are chosen: what is in a stream that is not known here is counted, and a new one would be taken for such.
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

async function insertTombstones(tx: Transaction, chosen: Condition, tombstonesUntil: string): Promise<number> {
  const values = new Values();
  return tx.run(
    `WITH gone AS (DELETE FROM messages WHERE ${chosen(values)} RETURNING source, message_id)
     INSERT INTO tombstones (hash, expires_at) SELECT ${HASH}, ${values.add(tombstonesUntil)}::text FROM gone
     ON CONFLICT (hash) DO UPDATE SET expires_at = excluded.expires_at`,
    values.list,
  );
}

import { StoreUnavailable } from "../../../domain/errors.ts";
import { addToBlocks, addToTotals } from "../counts/adding.ts";
import { removeEmpty } from "../counts/emptied.ts";
import type { Database, Transaction } from "../database.ts";
import { waitedTooLong } from "../failures.ts";
import { type Condition, every, Values } from "../sql.ts";
import { inTail, watermarks } from "../streams.ts";

/** Whoever stores waits behind whoever waits for this lock, so not for long. */
const BARRIER_WAIT = "lock_timeout = '250ms'";
/** The hash of tombstone.ts, so that what is deleted need not come here. */
const HASH = `encode(substr(sha256(convert_to(source, 'UTF8') || '\\x00'::bytea || convert_to(message_id, 'UTF8')), 1, 16), 'hex')`;

/**
 * Has everybody who stores look for tombstones from now on. Whoever does not look yet asks `deletions` in the very statement that stores,
 * which holds a lock of that table to its end: so when this one is had, all of those have ended, and the next ones see the row.
 */
export async function announceDeletions(database: Database): Promise<void> {
  if ((await database.all("SELECT 1 FROM deletions")).length > 0) return;
  try {
    await database.transaction(
      async (tx) => {
        await tx.run("LOCK TABLE deletions IN ACCESS EXCLUSIVE MODE");
        await tx.run("INSERT INTO deletions VALUES (1, now()) ON CONFLICT DO NOTHING");
      },
      { settings: [BARRIER_WAIT] },
    );
  } catch (error) {
    if (!waitedTooLong(error instanceof Error ? error.cause : error)) throw error;
    const reason =
      "the first deletion needs the table deletions to itself for a moment, and somebody holds it, a dump perhaps";
    throw new StoreUnavailable(`PostgreSQL: ${reason}`, { cause: error });
  }
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
      bury(tx, chosen, tombstonesUntil),
    ]);
    await removeEmpty(tx, changed);
    return deleted;
  });
}

async function bury(tx: Transaction, chosen: Condition, tombstonesUntil: string): Promise<number> {
  const values = new Values();
  return tx.run(
    `WITH gone AS (DELETE FROM messages WHERE ${chosen(values)} RETURNING source, message_id)
     INSERT INTO tombstones (hash, expires_at) SELECT ${HASH}, ${values.add(tombstonesUntil)}::text FROM gone
     ON CONFLICT (hash) DO UPDATE SET expires_at = excluded.expires_at`,
    values.list,
  );
}

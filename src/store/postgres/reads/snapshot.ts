import { tooSlow } from "../../read-limits.ts";
import type { Transaction } from "../connection.ts";
import type { Database } from "../database.ts";
import { isStatementTimeout } from "../failures.ts";
import type { SearchIndex } from "../index/searchable.ts";
import { type Watermark, watermarks } from "../index/streams.ts";

/** What one read sees: the messages and the counts of one moment. */
export interface Snapshot {
  readonly tx: Transaction;
  /** How far the counts go; the messages after them are the tail. */
  readonly marks: readonly Watermark[];
  readonly searchIndex: SearchIndex;
  /** Whether an index finds the texts in another form than that of the search. */
  readonly oldFormsIndexed: boolean;
}

export interface SnapshotOptions {
  readonly searchIndex: SearchIndex;
  readonly oldFormsIndexed: boolean;
  readonly msMax: number;
  /** Whether a timeout is caused by the query itself. */
  readonly long: boolean;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs `work` in one snapshot. The shards of a distributed engine have no common snapshot. There
 * the counts and watermarks are read before the messages, which then include at least everything
 * that is counted. So nothing is counted twice or left out, even if counting continues.
 */
export async function inSnapshot<T>(
  database: Database,
  { searchIndex, oldFormsIndexed, msMax, long, signal }: SnapshotOptions,
  work: (snapshot: Snapshot) => Promise<T>,
): Promise<T> {
  try {
    const inside = async (tx: Transaction) =>
      work({ tx, marks: await watermarks(tx), searchIndex, oldFormsIndexed });
    return await database.transaction(inside, {
      mode: "ISOLATION LEVEL REPEATABLE READ READ ONLY",
      msMax,
      signal,
    });
  } catch (error) {
    if (long && isStatementTimeout(error instanceof Error ? error.cause : error))
      throw tooSlow(msMax);
    throw error;
  }
}

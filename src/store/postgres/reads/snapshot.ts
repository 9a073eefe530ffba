import { tooSlow } from "../../read-limits.ts";
import type { Transaction } from "../connection.ts";
import type { Database } from "../database.ts";
import { isStatementTimeout } from "../failures.ts";
import type { SearchIndex } from "../index/searchable.ts";
import { type Watermark, watermarks } from "../index/streams.ts";

/** What one read sees: the messages and the counts of one moment. */
export interface Snapshot {
  readonly tx: Transaction;
  /** How far the counts go; what is behind them is the tail. */
  readonly marks: readonly Watermark[];
  readonly searchIndex: SearchIndex;
  /** Whether an index knows the texts in another form than that of the search. */
  readonly oldFormsIndexed: boolean;
}

export interface SnapshotOptions {
  readonly searchIndex: SearchIndex;
  readonly oldFormsIndexed: boolean;
  readonly msMax: number;
  /** Whether it is the question's own fault when it takes longer. */
  readonly long: boolean;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs `work` in one snapshot. On a distributed engine, whose shards have no common one, the counts and their watermarks are read before
 * the messages, which then hold at least what is counted: so nothing is counted twice or left out, whatever is counted meanwhile.
 */
export async function inSnapshot<T>(
  database: Database,
  { searchIndex, oldFormsIndexed, msMax, long, signal }: SnapshotOptions,
  work: (snapshot: Snapshot) => Promise<T>,
): Promise<T> {
  try {
    const inside = async (tx: Transaction) => work({ tx, marks: await watermarks(tx), searchIndex, oldFormsIndexed });
    return await database.transaction(inside, {
      mode: "ISOLATION LEVEL REPEATABLE READ READ ONLY",
      msMax,
      signal,
    });
  } catch (error) {
    if (long && isStatementTimeout(error instanceof Error ? error.cause : error)) throw tooSlow(msMax);
    throw error;
  }
}

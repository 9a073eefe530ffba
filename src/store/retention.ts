import { hash } from "node:crypto";

/** One step of deleting: a bounded number of messages in one transaction. */
export interface DeletionStep {
  /** Where the step before ended; undefined begins. */
  readonly position?: string | undefined;
  /** How many messages one step may delete. It may look at more, for some tens of milliseconds. */
  readonly rowsMax: number;
  /** Until when the ids of the deleted are still known, as `2025-01-15T10:00:00.000Z`. */
  readonly tombstonesUntil: string;
  /** Only counts. */
  readonly dryRun?: boolean;
}

export interface ExpiryStep extends DeletionStep {
  readonly receivedBefore: string;
  /**
   * True looks at every message. False stops where the messages are young enough: they lie in the order in which they
   * were received, but for those that an import or a copy has stored.
   */
  readonly everywhere: boolean;
}

/** The last completed retention sweep. Later sweeps are compared with it. */
export interface RetentionSweep {
  /** The wall clock of the process that swept. Before the first sweep: the newest `created_at`. */
  readonly at: string;
  /** It deleted messages received before this moment; null when messages were kept for ever. */
  readonly receivedBefore: string | null;
  /** When every message was last scanned; null when that never happened. */
  readonly fullScanAt: string | null;
}

/**
 * The cut-off as a text to compare `created_at` with. Without the Z a `created_at` of any number of digits compares
 * right: the Z would sort behind them, so that a message could be deleted too early.
 */
export function cutoffText(receivedBefore: string): string {
  return receivedBefore.replace(/Z$/, "");
}

export interface DeletedStep {
  /** Messages that were deleted; in a dry run, that would be. */
  readonly deleted: number;
  /** Where the next step goes on; undefined when nothing is left. */
  readonly position: string | undefined;
}

/** Tells what {@link RetentionStore.expire} would delete (`dryRun`). Whatever would change something is rejected. */
export interface RetentionPreview extends Pick<RetentionStore, "expire" | "lastSweep"> {
  /** How many messages there are. */
  total(): Promise<number>;
  close(): Promise<void>;
}

/**
 * Forgetting on purpose. A message that is deleted is gone from lists, counts, statistics and the search in the same moment, for every
 * reader, and its id stays known as a tombstone: inserting it again is a duplicate. Rejections are those of the store.
 */
export interface RetentionStore {
  /** Deletes messages that were received (`createdAt`) before a moment, the oldest first as far as that costs nothing. */
  expire(step: ExpiryStep): Promise<DeletedStep>;
  /** Deletes messages from a number and to it. Their content is overwritten where it lay, as far as the database can. */
  erase(step: DeletionStep & { readonly msisdn: string }): Promise<DeletedStep>;
  /** Forgets tombstones that have come to their end (`now`). Resolves with how many. */
  dropTombstones(options: { readonly now: string; readonly rowsMax: number }): Promise<number>;
  /** Gives a bounded part of the free space back to the file system. Resolves with the bytes given back; 0 when there is none, or the database does it by itself. */
  reclaimSpace(): Promise<number>;
  /** To be called after erasing: makes logs and free pages forget too. Resolves with what may still hold something, a sentence each. */
  scrub(): Promise<readonly string[]>;
  /** The last completed sweep. Undefined when there was none and no message stands in for it. */
  lastSweep(): Promise<RetentionSweep | undefined>;
  /** Records a completed sweep. */
  recordSweep(sweep: RetentionSweep): Promise<void>;
  /** If no sweep is recorded yet, records the newest `created_at` of the messages stored last in its place. */
  seedLastSweep(): Promise<void>;
  /** Whether a tombstone has come to its end at `now`. */
  hasEndedTombstones(now: string): Promise<boolean>;
  /** Whether this process (`holder`) is the one that sweeps, for `seconds` from now. */
  holdLease(holder: string, seconds: number): Promise<boolean>;
}

const HASH_BYTES = 16;

/**
 * What is kept of a deleted message: half of the SHA-256 of its key. 128 bits, so that no message is ever taken for another; and of an id
 * that nobody can guess, nobody can tell what it was.
 */
export function tombstoneOf({ source, messageId }: { readonly source: string; readonly messageId: string }): Buffer {
  return hash("sha256", `${source}\0${messageId}`, "buffer").subarray(0, HASH_BYTES);
}

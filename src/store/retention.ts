import { hash } from "node:crypto";

/** One step of a deletion: a limited number of messages in one transaction. */
export interface DeletionStep {
  /** Where the previous step ended; undefined starts at the beginning. */
  readonly position?: string | undefined;
  /** How many messages one step may delete. It may scan more, for some tens of milliseconds. */
  readonly rowsMax: number;
  /** Until when the ids of the deleted messages are kept, as `2025-01-15T10:00:00.000Z`. */
  readonly tombstonesUntil: string;
  /** Only counts. */
  readonly dryRun?: boolean;
}

export interface ExpiryStep extends DeletionStep {
  readonly receivedBefore: string;
  /**
   * True scans every message. False stops where the messages are young enough: they are stored in
   * the order in which they were received, except those of an import or a copy.
   */
  readonly everywhere: boolean;
}

/** The last completed retention sweep. Later sweeps are compared with it. */
export interface RetentionSweep {
  /** The wall clock of the process that swept. Before the first sweep: the newest `created_at`. */
  readonly at: string;
  /**
   * The sweep deleted messages received before this moment; null when messages were kept for ever.
   */
  readonly receivedBefore: string | null;
  /** When every message was last scanned; null when that never happened. */
  readonly fullScanAt: string | null;
}

/**
 * The cut-off as a text to compare `created_at` with. It has no Z, so that it compares correctly
 * with any number of digits. The Z would sort after digits, and a message could be deleted too
 * early.
 */
export function cutoffText(receivedBefore: string): string {
  return receivedBefore.replace(/Z$/, "");
}

export interface DeletedStep {
  /** The number of deleted messages, or in a dry run of those that would be deleted. */
  readonly deleted: number;
  /** Where the next step continues; undefined when nothing is left. */
  readonly position: string | undefined;
}

/** Shows what {@link RetentionStore.expire} would delete (`dryRun`). Every change is rejected. */
export interface RetentionPreview extends Pick<RetentionStore, "expire" | "lastSweep"> {
  /** The number of messages. */
  total(): Promise<number>;
  close(): Promise<void>;
}

/**
 * Deletion of messages. A deleted message disappears from lists, counts, statistics and the search
 * at the same moment, for every reader. Its id is kept as a tombstone: inserting it again is a
 * duplicate. Rejections are those of the store.
 */
export interface RetentionStore {
  /**
   * Deletes messages that were received (`createdAt`) before a moment, roughly the oldest first.
   */
  expire(step: ExpiryStep): Promise<DeletedStep>;
  /**
   * Deletes messages from a number and to it. Their content is overwritten in place, as far as the
   * database can.
   */
  erase(step: DeletionStep & { readonly msisdn: string }): Promise<DeletedStep>;
  /** Deletes tombstones that have expired at `now`. Resolves with their number. */
  dropTombstones(options: { readonly now: string; readonly rowsMax: number }): Promise<number>;
  /**
   * Returns a limited part of the free space to the file system. Resolves with the bytes; 0 when
   * there is none, or the database does it by itself.
   */
  reclaimSpace(): Promise<number>;
  /**
   * Must be called after an erasure: removes the deleted content from logs and free pages too.
   * Resolves with the places that may still contain some of it, a sentence each.
   */
  scrub(): Promise<readonly string[]>;
  /** The last completed sweep. Undefined when there was none and no message can replace it. */
  lastSweep(): Promise<RetentionSweep | undefined>;
  /** Records a completed sweep. */
  recordSweep(sweep: RetentionSweep): Promise<void>;
  /**
   * If no sweep is recorded yet, records the newest `created_at` of the last stored messages
   * instead.
   */
  seedLastSweep(): Promise<void>;
  /** Whether a tombstone has expired at `now`. */
  hasEndedTombstones(now: string): Promise<boolean>;
  /** Whether this process (`holder`) is the one that sweeps, for `seconds` from now. */
  holdLease(holder: string, seconds: number): Promise<boolean>;
}

const HASH_BYTES = 16;

/**
 * What is kept of a deleted message: half of the SHA-256 of its key. With 128 bits, no message is
 * ever mistaken for another. An id that cannot be guessed cannot be recovered from it.
 */
export function tombstoneOf({
  source,
  messageId,
}: {
  readonly source: string;
  readonly messageId: string;
}): Buffer {
  return hash("sha256", `${source}\0${messageId}`, "buffer").subarray(0, HASH_BYTES);
}

import type { StoreBroken } from "../domain/errors.ts";
import type { NewMessage } from "../domain/message.ts";
import type { CursorPosition } from "../domain/message-filter.ts";
import type { MessageQuery } from "../domain/message-query.ts";
import type { TimeZone } from "../domain/time-zone.ts";
import type { Instant } from "../domain/timestamp.ts";
import type { AlertStore } from "./alerts.ts";
import type { CredentialsStore } from "./credentials.ts";
import type { RetentionStore } from "./retention.ts";

/**
 * How an opened database is used.
 * - `read`: it exists and has the current schema. No file, no schema and no row is changed.
 * - `write`: it exists and has the current schema. Rows are changed, the schema is not.
 * - `create`: it is created when it is missing, and upgraded when its schema is older.
 */
export type OpenMode = "read" | "write" | "create";

/**
 * The outcome of storing one message. `conflict` is a duplicate whose content differs from the
 * stored message.
 */
export type InsertOutcome = "created" | "duplicate" | "conflict";

/**
 * A stored message, as it was sent. Rows of the older service may contain values that are refused
 * today.
 */
export interface StoredMessage {
  readonly source: string;
  readonly messageId: string;
  readonly from: string;
  readonly to: string;
  readonly ts: string;
  readonly text: string | null;
  readonly createdAt: string;
}

export interface MessagePage {
  readonly messages: readonly StoredMessage[];
  /**
   * The number of rows of the filter before limit and offset, in the same snapshot as the page;
   * null when it was not asked for.
   */
  readonly total: number | null;
  /** Where the next page starts; null at the end of the list, and when the page is empty. */
  readonly next: CursorPosition | null;
  /**
   * Where the previous page ends; null at the beginning of the list, and when the page is empty.
   */
  readonly previous: CursorPosition | null;
}

/** A sender and its messages. */
export interface Sender {
  readonly from: string;
  readonly count: number;
  readonly firstTs: string;
  readonly lastTs: string;
}

export interface SenderQuery {
  readonly limit: number;
  readonly offset: number;
  /** Start after this sender. */
  readonly after?: string;
  /** Only senders whose number begins with this; default: all of them. */
  readonly prefix?: string;
}

export interface SenderPage {
  /** In the order of their number, by bytes. */
  readonly senders: readonly Sender[];
  /** The number of senders with the prefix, on all pages. */
  readonly total: number;
  /** Whether more senders follow. */
  readonly more: boolean;
}

/**
 * The length of a bucket's name, which is the beginning of an instant: `2025-01-15T10:05`,
 * `2025-01-15T10`, `2025-01-15`.
 */
export const BUCKETS = { minute: 16, hour: 13, day: 10 } as const;
export type Bucket = keyof typeof BUCKETS;

export interface TimelineQuery {
  readonly bucket: Bucket;
  readonly from?: string;
  /** Inclusive. */
  readonly since?: Instant;
  /** Exclusive. */
  readonly until?: Instant;
  /** Where buckets begin. Default: UTC. */
  readonly zone?: TimeZone;
  /** More buckets than this are refused with `QueryTooExpensive`. */
  readonly bucketsMax: number;
}

export interface TimelineBucket {
  /**
   * The beginning of the bucket, as a timestamp of its unit: see {@link BUCKETS}. In a zone it is
   * complete, with its offset.
   */
  readonly start: string;
  readonly count: number;
}

/** The number of senders in the statistics. */
export const TOP_SENDERS_MAX = 10;

export interface MessageStats {
  readonly total: number;
  readonly senders: number;
  /** The busiest senders, by descending count, then by ascending number. */
  readonly topSenders: readonly { readonly from: string; readonly count: number }[];
  readonly firstTs: string | null;
  readonly lastTs: string | null;
}

export interface ReadOptions {
  /**
   * Aborted when the result is no longer wanted. The read is removed from the queue, or stopped,
   * and rejects with `ReadCancelled`.
   */
  readonly signal?: AbortSignal;
}

/** The end of a reading thread, which another one replaces. */
export interface ReadThreadEnd {
  readonly reason: string;
  /** Whether it is not the first one within a minute. */
  readonly again: boolean;
}

/**
 * Where messages are stored. Every method is one transaction.
 *
 * Rejections: `Overloaded` when nothing was tried; `StoreUnavailable` when the database is
 * unavailable and the outcome is unknown; `StoreBroken` when it must not be used any more;
 * `QueryTooExpensive` when a read would take too long; `ReadCancelled` when its signal was aborted.
 * Anything else is a fault of the call itself.
 */
export interface Store {
  /** Resolves when the database must not be used any more, at least by this process. */
  readonly broken: Promise<StoreBroken>;
  /** What opening it changed, in words; empty when nothing. */
  readonly upgrades: readonly string[];
  /** Problems that an operator should fix, in words; empty when there are none. */
  readonly warnings: readonly string[];
  /**
   * Identifies the database to all processes that read it. Undefined when it has no identity, or
   * when only the processes of one machine can read it.
   */
  readonly identity: string | undefined;
  /** API keys, webhook secrets and the audit. */
  readonly credentials: CredentialsStore;
  readonly retention: RetentionStore;
  readonly alerts: AlertStore;
  /**
   * Stores what is new, and returns the outcome of each row in order. Resolves only after the rows
   * are committed and fsynced. Of equal keys, in the table or in one call, the first wins. One bad
   * row rejects the whole call, and nothing of it is stored.
   */
  insertMessages(rows: readonly NewMessage[]): Promise<readonly InsertOutcome[]>;
  /** A page in the order of instant, id by bytes, and source; or in the reverse order. */
  findMessages(query: MessageQuery, options?: ReadOptions): Promise<MessagePage>;
  /**
   * The message with an id. If several sources have the id and no source is given, the first source
   * by bytes.
   */
  findMessage(messageId: string, source?: string): Promise<StoredMessage | undefined>;
  stats(options?: ReadOptions): Promise<MessageStats>;
  /**
   * Messages per time span, in order. Empty spans are left out, and so are messages without a valid
   * timestamp.
   */
  timeline(query: TimelineQuery, options?: ReadOptions): Promise<readonly TimelineBucket[]>;
  findSenders(query: SenderQuery, options?: ReadOptions): Promise<SenderPage>;
  /** When the newest message was received, of whichever process; null when there is none. */
  lastReceivedAt(): Promise<string | null>;
  /**
   * A version of the stored messages, for comparison only. If two calls resolve with the same one,
   * no process has changed anything between them. Resolves soon, and with undefined when the
   * version is not known now or the database has none. Never rejects.
   */
  dataVersion(): Promise<string | undefined>;
  /** Messages that are stored but not indexed yet. Every read scans them. */
  backlogRows(): number;
  /** Reads that wait for a thread. */
  queuedReads(): number;
  /** How often a reading thread was restarted, because it had ended or did not stop in time. */
  readThreadRestarts(): number;
  /** Resolves when the database answers and has its schema. */
  ping(): Promise<void>;
  /** Bytes on disk, including the write-ahead log. */
  sizeBytes(): Promise<number>;
  /**
   * The space of its disk that a user without privileges can use. Undefined when the disk belongs
   * to another machine.
   */
  disk(): Promise<{ readonly freeBytes: number; readonly sizeBytes: number } | undefined>;
  /** Completes pending work, then releases everything. Safe to call twice. */
  close(): Promise<void>;
}

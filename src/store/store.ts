import type { StoreBroken } from "../domain/errors.ts";
import type { NewMessage } from "../domain/message.ts";
import type { CursorPosition } from "../domain/message-filter.ts";
import type { MessageQuery } from "../domain/message-query.ts";
import type { Instant } from "../domain/timestamp.ts";
import type { AlertStore } from "./alerts.ts";
import type { CredentialsStore } from "./credentials.ts";
import type { RetentionStore } from "./retention.ts";

/**
 * What may be done with a database that is opened.
 * - `read`: it exists and has the current schema. No file, no schema and no row is changed.
 * - `write`: it exists and has the current schema. Rows are changed, the schema is not.
 * - `create`: it is created when it is missing, and upgraded when its schema is older.
 */
export type OpenMode = "read" | "write" | "create";

/** What became of one message: `conflict` is a duplicate whose content differs from the row that is kept. */
export type InsertOutcome = "created" | "duplicate" | "conflict";

/** A stored message, spelt as it was sent. Rows of the older service may hold values that today's parsers refuse. */
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
  /** Rows of the filter before limit and offset, counted in the same snapshot as the page; null when it was not asked for. */
  readonly total: number | null;
  /** Where the page behind this one starts; null at the end of the list, and when the page is empty. */
  readonly next: CursorPosition | null;
  /** Where the page before this one ends; null at the beginning of the list, and when the page is empty. */
  readonly previous: CursorPosition | null;
}

/** Somebody who writes. */
export interface Sender {
  readonly from: string;
  readonly count: number;
  readonly firstTs: string;
  readonly lastTs: string;
}

export interface SenderQuery {
  readonly limit: number;
  readonly offset: number;
  /** Start behind this sender. */
  readonly after?: string;
}

export interface SenderPage {
  /** In the order of their number, by bytes. */
  readonly senders: readonly Sender[];
  readonly total: number;
  /** Whether anybody follows the last one. */
  readonly more: boolean;
}

/** How many characters of an instant name its bucket: `2025-01-15T10:05`, `2025-01-15T10`, `2025-01-15`. */
export const BUCKETS = { minute: 16, hour: 13, day: 10 } as const;
export type Bucket = keyof typeof BUCKETS;

export interface TimelineQuery {
  readonly bucket: Bucket;
  readonly from?: string;
  /** Inclusive. */
  readonly since?: Instant;
  /** Exclusive. */
  readonly until?: Instant;
  /** More than so many buckets are refused with `QueryTooExpensive`. */
  readonly bucketsMax: number;
}

export interface TimelineBucket {
  /** The beginning of the bucket, cut to its unit: see {@link BUCKETS}. */
  readonly start: string;
  readonly count: number;
}

/** How many senders the statistics name. */
export const TOP_SENDERS_MAX = 10;

export interface MessageStats {
  readonly total: number;
  readonly senders: number;
  /** The busiest, count descending, then sender ascending. */
  readonly topSenders: readonly { readonly from: string; readonly count: number }[];
  readonly firstTs: string | null;
  readonly lastTs: string | null;
}

export interface ReadOptions {
  /** Aborted when nobody waits for the answer any more: the read is dropped from the queue, or stopped, and rejects with `ReadCancelled`. */
  readonly signal?: AbortSignal;
}

/** The end of a thread that reads, which another one replaces. */
export interface ReadThreadEnd {
  readonly reason: string;
  /** Whether it is not the first within a minute. */
  readonly again: boolean;
}

/**
 * Where messages are kept. Every method is one transaction.
 *
 * Rejections: `Overloaded` when nothing was tried, `StoreUnavailable` when the database refuses for now (whatever was asked may or
 * may not have happened), `StoreBroken` when it must not be used again, `QueryTooExpensive` when a read would take too long, `ReadCancelled` when
 * its signal was aborted; anything else is a fault of the call itself.
 */
export interface Store {
  /** Resolves when the database must not be used any more, by this process at least. */
  readonly broken: Promise<StoreBroken>;
  /** What opening it changed, in words; empty when nothing. */
  readonly upgrades: readonly string[];
  /** What an operator should know and mend, in words; empty when nothing. */
  readonly warnings: readonly string[];
  /**
   * Names the database, and no other, to all processes that read it. Undefined when it cannot be told from others, or when only the
   * processes of one machine can read it.
   */
  readonly identity: string | undefined;
  /** Keys, secrets and what was done with them. */
  readonly credentials: CredentialsStore;
  readonly retention: RetentionStore;
  readonly alerts: AlertStore;
  /**
   * Stores what is new and answers for each row in order. Resolves only after the rows are committed and fsynced.
   * Of equal keys, in the table or in one call, the first wins. One bad row rejects the whole call and nothing of it is stored.
   */
  insertMessages(rows: readonly NewMessage[]): Promise<readonly InsertOutcome[]>;
  /** A page in the order of instant, id by bytes, source; or in the reverse. */
  findMessages(query: MessageQuery, options?: ReadOptions): Promise<MessagePage>;
  /** The message of an id; of several sources the first by bytes, unless one is named. */
  findMessage(messageId: string, source?: string): Promise<StoredMessage | undefined>;
  stats(options?: ReadOptions): Promise<MessageStats>;
  /** Messages per span of time, in order, empty spans left out, as are messages whose timestamp is none. */
  timeline(query: TimelineQuery, options?: ReadOptions): Promise<readonly TimelineBucket[]>;
  findSenders(query: SenderQuery, options?: ReadOptions): Promise<SenderPage>;
  /** Messages that are stored but not yet in the rollups and the search index; every read looks through them. */
  backlogRows(): number;
  /** Reads that wait for a thread. */
  queuedReads(): number;
  /** How often a reading thread was started again, because it had ended or did not stop in time. */
  readThreadRestarts(): number;
  /** Resolves when the database and its schema really answer. */
  ping(): Promise<void>;
  /** Bytes on disk, write-ahead log included. */
  sizeBytes(): Promise<number>;
  /** The disk it is on, as a user without privileges may use it; undefined when that is another machine's. */
  disk(): Promise<{ readonly freeBytes: number; readonly sizeBytes: number } | undefined>;
  /** Finishes what was begun, then lets go of everything. Safe twice. */
  close(): Promise<void>;
}

import type { StoreBroken } from "../domain/errors.ts";
import type { NewMessage } from "../domain/message.ts";
import type { MessageQuery } from "../domain/message-query.ts";

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
  /** Rows of the filter before limit and offset, counted in the same snapshot as the page. */
  readonly total: number;
  /** Whether anything follows the last message of the page. */
  readonly more: boolean;
}

export interface MessageStats {
  readonly total: number;
  readonly senders: number;
  /** The ten busiest, count descending, then sender ascending. */
  readonly topSenders: readonly { readonly from: string; readonly count: number }[];
  readonly firstTs: string | null;
  readonly lastTs: string | null;
}

/**
 * Where messages are kept. Every method is one transaction.
 *
 * Rejections: `Overloaded` when nothing was tried, `StoreUnavailable` when the database refuses for now (whatever was asked may or
 * may not have happened), `StoreBroken` when it must not be used again; anything else is a fault of the call itself.
 */
export interface Store {
  /** Resolves when the database must not be used any more, by this process at least. */
  readonly broken: Promise<StoreBroken>;
  /** What opening it changed, in words; empty when nothing. */
  readonly upgrades: readonly string[];
  /**
   * Stores what is new and answers for each row in order. Resolves only after the rows are committed and fsynced.
   * Of equal keys, in the table or in one call, the first wins. One bad row rejects the whole call and nothing of it is stored.
   */
  insertMessages(rows: readonly NewMessage[]): Promise<readonly InsertOutcome[]>;
  /** A page in the order of instant, id by bytes, source. */
  findMessages(query: MessageQuery): Promise<MessagePage>;
  stats(): Promise<MessageStats>;
  /** Resolves when the database and its schema really answer. */
  ping(): Promise<void>;
  /** Bytes on disk, write-ahead log included. */
  sizeBytes(): Promise<number>;
  /** Finishes what was begun, then lets go of everything. Safe twice. */
  close(): Promise<void>;
}

import type { StoredMessage } from "./store.ts";

/** How far a database has been read: the last message of each stream. SQLite has one stream. */
export type CopyPosition = Readonly<Record<string, number>>;

export const BEGINNING: CopyPosition = {};

/**
 * The size of the ids and texts of one part, which is one transaction in the target. A longer
 * message is a part of its own.
 */
export const COPY_BYTES_MAX = 4 * 1024 * 1024;

export interface CopyPart {
  /** Empty when no message follows the position now. */
  readonly messages: readonly StoredMessage[];
  /** The position after the last of them. */
  readonly position: CopyPosition;
}

/**
 * One end of a copy, separate from the store. The database is read in the order in which its
 * messages were stored. So messages that arrive during the copy come after the current position.
 */
export interface CopyEndpoint {
  /** Identifies the database. */
  readonly id: string;
  /** The approximate number of its messages. */
  count(): Promise<number>;
  /**
   * The next messages after a position, at most `limit` and about {@link COPY_BYTES_MAX}; with
   * `upTo`, none after that one.
   */
  read(position: CopyPosition, limit: number, upTo?: CopyPosition): Promise<CopyPart>;
  /** The messages among these that exist here, by source and id. */
  find(messages: readonly StoredMessage[]): Promise<readonly StoredMessage[]>;
  /** The position that a copy from `sourceId` into this database has reached. */
  savedPosition(sourceId: string): Promise<CopyPosition | undefined>;
  savePosition(sourceId: string, position: CopyPosition): Promise<void>;
  close(): Promise<void>;
}

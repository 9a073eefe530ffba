import type { StoredMessage } from "./store.ts";

/** How far a database has been read: per stream of it, the number of the last message. SQLite has one stream. */
export type CopyPosition = Readonly<Record<string, number>>;

export const BEGINNING: CopyPosition = {};

/** Of ids and texts in one part, which is one transaction where it is stored; a longer message is a part of its own. */
export const COPY_BYTES_MAX = 4 * 1024 * 1024;

export interface CopyPart {
  /** Empty when there is nothing behind the position now. */
  readonly messages: readonly StoredMessage[];
  /** Behind the last of them. */
  readonly position: CopyPosition;
}

/**
 * One end of a copy, beside the store: a database that is read from end to end in the order in which its messages were stored, so
 * that what arrives meanwhile is behind the position that has been reached.
 */
export interface CopyEndpoint {
  /** Tells this database from every other. */
  readonly id: string;
  /** About how many messages are in it. */
  count(): Promise<number>;
  /**
   * The next messages behind a position, at most `limit` and about {@link COPY_BYTES_MAX}; with `upTo`, none behind
   * that one.
   */
  read(position: CopyPosition, limit: number, upTo?: CopyPosition): Promise<CopyPart>;
  /** Those of the messages that are here, by source and id. */
  find(messages: readonly StoredMessage[]): Promise<readonly StoredMessage[]>;
  /** How far a copy from `sourceId` into this database came. */
  savedPosition(sourceId: string): Promise<CopyPosition | undefined>;
  savePosition(sourceId: string, position: CopyPosition): Promise<void>;
  close(): Promise<void>;
}

import type { ListPosition } from "../../domain/message-filter.ts";
import { type ListRange, START } from "../list-position.ts";
import { bucketPattern } from "../time-spans.ts";
import type { Values } from "./statements.ts";

/** A statement and the values of its placeholders. */
export interface Query {
  readonly sql: string;
  readonly values: Values;
}

/** A message, as an index refers to it. */
export interface ListEntry extends ListPosition {
  readonly seq: number;
}

/** The three columns of a list position, as a row value in SQL. */
export const POSITION_COLUMNS = "(instant, message_id, source)";
/** The columns as the fields of a {@link ListPosition}. */
export const POSITION_FIELDS = "instant, message_id AS messageId, source";
/** The columns of a {@link ListEntry}. */
export const ENTRY_FIELDS = `seq, ${POSITION_FIELDS}`;
/** The columns of a message as the fields of a `StoredMessage`. */
export const MESSAGE_FIELDS = `source, message_id AS messageId, from_msisdn AS "from", to_msisdn AS "to", ts, text, created_at AS createdAt`;
export const ASCENDING = "instant, message_id, source";
export const DESCENDING = "instant DESC, message_id DESC, source DESC";
/** The condition of a range; its values are {@link rangeValues}. */
export const IN_RANGE = `${POSITION_COLUMNS} >= (?, ?, ?) AND ${POSITION_COLUMNS} < (?, ?, ?)`;

/** The condition that a message is one of several; its value is a JSON array of their seq. */
export const IN_SEQS = "seq IN (SELECT value FROM json_each(?))";

export function positionValues({
  instant,
  messageId,
  source,
}: ListPosition): readonly [string, string, string] {
  return [instant, messageId, source];
}

/** The end of a range. SQLite sorts every blob after every text. */
export function endValues(hi: ListPosition | undefined): readonly (string | Uint8Array)[] {
  return hi === undefined ? [new Uint8Array(0), "", ""] : positionValues(hi);
}

export function rangeValues({ lo = START, hi }: ListRange): readonly (string | Uint8Array)[] {
  return [...positionValues(lo), ...endValues(hi)];
}

/** The condition that a message has a bucket: see {@link bucketPattern}. */
export function hasBucket(characters: number): string {
  return `instant GLOB '${bucketPattern(characters)}*'`;
}

/**
 * The indexed entries of a list (a sender, or '' for all messages) within a range. An order and a
 * limit can be appended.
 */
export function entriesOf(list: string, range: ListRange, indexedSeq: number): Query {
  return list === ""
    ? {
        sql: `SELECT ${ENTRY_FIELDS} FROM lyftr_messages INDEXED BY messages_by_instant WHERE ${IN_RANGE} AND seq <= ?`,
        values: [...rangeValues(range), indexedSeq],
      }
    : {
        sql: `SELECT ${ENTRY_FIELDS} FROM messages_by_sender WHERE from_msisdn = ? AND ${IN_RANGE}`,
        values: [list, ...rangeValues(range)],
      };
}

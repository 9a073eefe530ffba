import { ENTRY, IN_RANGE, type Range, rangeValues } from "./key.ts";
import type { Values } from "./statements.ts";

/** A statement and what belongs to its question marks. */
export interface Query {
  readonly sql: string;
  readonly values: Values;
}

/** The folded entries of a list (a sender, or '' for all messages) within a range; an order and a limit can be put behind. */
export function entriesOf(list: string, range: Range, indexedSeq: number): Query {
  return list === ""
    ? {
        sql: `SELECT ${ENTRY} FROM lyftr_messages INDEXED BY messages_by_instant WHERE ${IN_RANGE} AND seq <= ?`,
        values: [...rangeValues(range), indexedSeq],
      }
    : {
        sql: `SELECT ${ENTRY} FROM messages_by_sender WHERE from_msisdn = ? AND ${IN_RANGE}`,
        values: [list, ...rangeValues(range)],
      };
}

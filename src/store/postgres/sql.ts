import type { ListPosition } from "../../domain/message-filter.ts";
import type { ListRange } from "../list-position.ts";
import { bucketPattern } from "../time-spans.ts";
import type { Transaction, Value } from "./connection.ts";

/** A counted list: all messages, those of a sender, or those to a receiver. */
export interface List {
  readonly kind: "all" | "from" | "to";
  /** The number, or '' for all. */
  readonly name: string;
}

export const ALL: List = { kind: "all", name: "" };
/** The three columns of a list position, as a row value and as an order. */
export const POSITION_COLUMNS = "instant, message_id, source";
export const DESCENDING = "instant DESC, message_id DESC, source DESC";
/** The columns as the fields of a {@link ListPosition}. */
export const POSITION_FIELDS = `instant, message_id AS "messageId", source`;

/** The values of one statement, in the order in which its text refers to them. */
export class Values {
  readonly list: Value[] = [];

  /** Adds a value and returns its placeholder. */
  add(value: Value): string {
    return `$${this.list.push(value)}`;
  }
}

/** A condition on messages, for a statement with these values. */
export type Condition = (values: Values) => string;

/** Combines conditions with AND. */
export function every(conditions: readonly string[]): string {
  return conditions.length === 0 ? "true" : conditions.join(" AND ");
}

/** The condition that a row lies in a range. */
export function inRange({ lo, hi }: ListRange, values: Values): readonly string[] {
  const bound = ({ instant, messageId, source }: ListPosition) =>
    `(${values.add(instant)}, ${values.add(messageId)}, ${values.add(source)})`;
  return [
    ...(lo === undefined ? [] : [`(${POSITION_COLUMNS}) >= ${bound(lo)}`]),
    ...(hi === undefined ? [] : [`(${POSITION_COLUMNS}) < ${bound(hi)}`]),
  ];
}

/** The condition that a message belongs to a list. */
export function inList({ kind, name }: List, values: Values): readonly string[] {
  return kind === "all" ? [] : [`${kind}_msisdn = ${values.add(name)}`];
}

/** The condition that a row of `blocks` or `totals` is about a list. */
export function aboutList({ kind, name }: List, values: Values): string {
  return `kind = ${values.add(kind)} AND name = ${values.add(name)}`;
}

/** The one number that a statement returns; 0 for null. */
export async function numberOf(
  tx: Transaction,
  sql: string,
  values: readonly Value[] = [],
): Promise<number> {
  const [row] = await tx.all(sql, values);
  return Number(Object.values(row ?? {})[0] ?? 0);
}

/** The condition that a message has a bucket: see {@link bucketPattern}. */
export function hasBucket(characters: number): string {
  return `instant ~ '^${bucketPattern(characters)}'`;
}

/** The columns of a message as the fields of a `StoredMessage`. */
export const MESSAGE_FIELDS = `source, message_id AS "messageId", from_msisdn AS "from", to_msisdn AS "to", ts, text, created_at AS "createdAt"`;

/**
 * The planner estimates a part of a list as a third of all messages, however short it is. Then it
 * would scan the whole table, or start parallel workers and JIT. These settings make it use the
 * index, as in SET.
 */
export const BY_INDEX: readonly string[] = [
  "jit = off",
  "max_parallel_workers_per_gather = 0",
  "enable_seqscan = off",
];

/** For a statement that has to read every message anyway. */
export const BY_TABLE = "SET LOCAL enable_seqscan = on";

/** For a search. The planner overestimates rare words, and would scan. */
export const BY_SEARCH_INDEX = "SET LOCAL enable_indexscan = off";

/** Takes {@link BY_SEARCH_INDEX} back. */
export const BY_ANY_INDEX = "SET LOCAL enable_indexscan = on";

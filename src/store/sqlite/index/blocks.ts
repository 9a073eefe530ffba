import type { ListPosition } from "../../../domain/message-filter.ts";
import { comparePositions, START } from "../../list-position.ts";
import {
  ASCENDING,
  DESCENDING,
  entriesOf,
  IN_RANGE,
  type ListEntry,
  POSITION_COLUMNS,
  POSITION_FIELDS,
  positionValues,
  rangeValues,
} from "../sql.ts";
import type { Statements } from "../statements.ts";

/** This many index entries are scanned in a millisecond. */
export const BLOCK_ROWS_MAX = 8_192;

interface Addition {
  /** A sender, or '' for all messages. */
  readonly list: string;
  /**
   * The entries that the step adds to the list, in its order. Those of the list of all messages
   * include the receiver.
   */
  readonly entries: readonly (ListEntry & { readonly to?: string })[];
  /** The newest message that is in the index after this step. */
  readonly indexedSeq: number;
  /** A block that counts more is split. */
  readonly blockRowsMax: number;
}

type Limits = Pick<Addition, "indexedSeq" | "blockRowsMax">;

interface Block {
  readonly list: string;
  readonly lo: ListPosition;
  readonly hi: ListPosition | undefined;
  readonly messages: number;
}

/** Counts new entries of a list in their blocks. A block that grows too large is split. */
export function addToBlocks(statements: Statements, { list, entries, ...limits }: Addition): void {
  for (let at = 0; at < entries.length; ) {
    const block = blockOf(statements, list, entries[at] as ListEntry);
    const added = inBlock(entries, at, block);
    at += added.length;
    setMessages(statements, block, block.messages + added.length);
    if (list === "") countReceivers(statements, block.lo, added, 1);
    split(statements, { ...block, messages: block.messages + added.length }, limits);
  }
}

/** Creates the first blocks of a list that has become too long to scan. */
export function makeBlocks(
  statements: Statements,
  { list, messages, ...limits }: Limits & { readonly list: string; readonly messages: number },
): void {
  const block = { list, lo: START, hi: undefined, messages };
  insertBlock(statements, block);
  split(statements, block, limits);
}

/**
 * Removes entries of a list from their blocks. A block that becomes empty is merged with the block
 * before it.
 */
export function takeFromBlocks(
  statements: Statements,
  { list, entries }: Pick<Addition, "list" | "entries">,
): void {
  for (let at = 0; at < entries.length; ) {
    const block = blockOf(statements, list, entries[at] as ListEntry);
    const taken = inBlock(entries, at, block);
    at += taken.length;
    if (list === "") countReceivers(statements, block.lo, taken, -1);
    const messages = block.messages - taken.length;
    if (messages > 0 || comparePositions(block.lo, START) === 0)
      setMessages(statements, block, messages);
    else
      statements.run(`DELETE FROM blocks WHERE list = ? AND ${POSITION_COLUMNS} = (?, ?, ?)`, [
        list,
        ...positionValues(block.lo),
      ]);
  }
}

/** The entries from an index on that belong to a block. */
function inBlock(entries: Addition["entries"], from: number, { hi }: Block): Addition["entries"] {
  let at = from;
  while (
    at < entries.length &&
    (hi === undefined || comparePositions(entries[at] as ListEntry, hi) < 0)
  )
    at++;
  return entries.slice(from, at);
}

function blockOf(statements: Statements, list: string, entry: ListEntry): Block {
  const from = statements.get<ListEntry & { messages: number }>(
    `SELECT ${POSITION_FIELDS}, messages FROM blocks
     WHERE list = ? AND ${POSITION_COLUMNS} <= (?, ?, ?) ORDER BY ${DESCENDING} LIMIT 1`,
    [list, ...positionValues(entry)],
  );
  if (from === undefined) throw new Error("a list of the read index has no first block");
  const next = statements.get<ListEntry>(
    `SELECT ${POSITION_FIELDS} FROM blocks
     WHERE list = ? AND ${POSITION_COLUMNS} > (?, ?, ?) ORDER BY ${ASCENDING} LIMIT 1`,
    [list, ...positionValues(from)],
  );
  return { list, lo: from, hi: next, messages: from.messages };
}

/**
 * The last block of a list usually grows at its end, so it is cut there. Others are cut in equal
 * parts.
 */
function split(statements: Statements, block: Block, limits: Limits): void {
  const { indexedSeq, blockRowsMax } = limits;
  if (block.messages <= blockRowsMax) return;
  const { list, lo, hi, messages } = block;
  const kept =
    hi === undefined ? blockRowsMax : Math.ceil(messages / Math.ceil(messages / blockRowsMax));
  const { sql, values } = entriesOf(list, { lo, hi }, indexedSeq);
  const first = statements.get<ListEntry>(`${sql} ORDER BY ${ASCENDING} LIMIT 1 OFFSET ?`, [
    ...values,
    kept,
  ]);
  if (first === undefined)
    throw new Error("a block of the read index counts more messages than there are");
  const rest = { list, lo: first, hi, messages: messages - kept };
  setMessages(statements, block, kept);
  insertBlock(statements, rest);
  if (list === "") moveReceivers(statements, block.lo, rest, indexedSeq);
  split(statements, rest, limits);
}

function insertBlock(statements: Statements, { list, lo, messages }: Block): void {
  statements.run("INSERT INTO blocks VALUES (?, ?, ?, ?, ?)", [
    list,
    ...positionValues(lo),
    messages,
  ]);
}

function setMessages(statements: Statements, { list, lo }: Block, messages: number): void {
  statements.run(
    `UPDATE blocks SET messages = ? WHERE list = ? AND ${POSITION_COLUMNS} = (?, ?, ?)`,
    [messages, list, ...positionValues(lo)],
  );
}

/** `sign` is 1 for new entries, -1 for removed ones. */
function countReceivers(
  statements: Statements,
  lo: ListPosition,
  entries: Addition["entries"],
  sign: 1 | -1,
): void {
  const counts = new Map<string, { to: string; source: string; messages: number }>();
  for (const { to = "", source } of entries) {
    const pair = JSON.stringify([to, source]);
    const count = counts.get(pair);
    if (count === undefined) counts.set(pair, { to, source, messages: 1 });
    else count.messages++;
  }
  for (const { to, source, messages } of counts.values()) {
    addReceived(statements, { to, source, lo }, sign * messages);
    if (sign === -1) dropReceivers(statements, { to, source }, lo);
  }
}

/** A count of 0 is not stored. */
function dropReceivers(
  statements: Statements,
  { to, source }: { to: string; source: string },
  lo: ListPosition,
): void {
  statements.run(
    `DELETE FROM receiver_blocks WHERE to_msisdn = ? AND via_source = ? AND ${POSITION_COLUMNS} = (?, ?, ?) AND messages = 0`,
    [to, source, ...positionValues(lo)],
  );
}

interface Receiver {
  readonly to: string;
  readonly source: string;
  /** Where the block begins. */
  readonly lo: ListPosition;
}

function addReceived(statements: Statements, { to, source, lo }: Receiver, messages: number): void {
  statements.run(
    `INSERT INTO receiver_blocks VALUES (?, ?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET messages = messages + excluded.messages`,
    [to, source, ...positionValues(lo), messages],
  );
}

/** Moves the receiver counts of a new block out of the block that it was split from. */
function moveReceivers(
  statements: Statements,
  from: ListPosition,
  { lo, hi }: Block,
  indexedSeq: number,
): void {
  const moved = statements.all<{ to: string; source: string; messages: number }>(
    `SELECT to_msisdn AS "to", source, count(*) AS messages FROM lyftr_messages INDEXED BY messages_by_instant
     WHERE ${IN_RANGE} AND seq <= ? GROUP BY to_msisdn, source`,
    [...rangeValues({ lo, hi }), indexedSeq],
  );
  for (const { to, source, messages } of moved) {
    addReceived(statements, { to, source, lo }, messages);
    addReceived(statements, { to, source, lo: from }, -messages);
    dropReceivers(statements, { to, source }, from);
  }
}

import type { ListPosition } from "../../../domain/message-filter.ts";
import type { ListRange } from "../../list-position.ts";
import type { Transaction } from "../connection.ts";
import {
  aboutList,
  every,
  inList,
  inRange,
  type List,
  POSITION_COLUMNS,
  POSITION_FIELDS,
  Values,
} from "../sql.ts";
import { inTail, isStreamOpenedSince, type Watermark } from "./streams.ts";

/** This many index entries are scanned in two or three milliseconds. */
export const BLOCK_ROWS_MAX = 4_096;

interface Block {
  readonly list: List;
  readonly lo: ListPosition;
  readonly messages: number;
}

const START: ListPosition = { instant: "", messageId: "", source: "" };

/**
 * Gives the lists that have become too long to scan their first block, and divides the blocks that
 * count more than `blockRowsMax`.
 */
export async function divideBlocks(
  tx: Transaction,
  marks: readonly Watermark[],
  blockRowsMax: number,
): Promise<void> {
  const grown = await tx.all<List & { messages: number }>(
    `SELECT kind, name, messages FROM totals WHERE kind IN ('from', 'to') AND messages > $1 AND NOT EXISTS (
       SELECT 1 FROM blocks WHERE blocks.kind = totals.kind AND blocks.name = totals.name)
     ORDER BY kind, name`,
    [blockRowsMax],
  );
  for (const { kind, name, messages } of grown)
    await insertBlock(tx, { list: { kind, name }, lo: START, messages });
  const large = await tx.all<List & ListPosition & { messages: number }>(
    `SELECT kind, name, ${POSITION_FIELDS}, messages FROM blocks WHERE messages > $1 ORDER BY kind, name, ${POSITION_COLUMNS}`,
    [blockRowsMax],
  );
  for (const { kind, name, instant, messageId, source, messages } of large) {
    const block = { list: { kind, name }, lo: { instant, messageId, source }, messages };
    await divide(tx, block, { marks, blockRowsMax });
  }
}

interface Limits {
  readonly marks: readonly Watermark[];
  readonly blockRowsMax: number;
}

/**
 * The last block of a list usually grows at its end, so it is cut there. Others are cut in equal
 * parts.
 */
async function divide(
  tx: Transaction,
  block: Block,
  { marks, blockRowsMax }: Limits,
): Promise<void> {
  const { list } = block;
  const hi = await nextBlock(tx, block);
  let { lo, messages } = block;
  const even = Math.ceil(messages / Math.ceil(messages / blockRowsMax));
  while (messages > blockRowsMax) {
    // The tail is included in the cut: only the counts of the parts have to be exact.
    const cut = await keyAfter(tx, list, { lo, hi }, hi === undefined ? blockRowsMax : even);
    if (cut === undefined) return;
    const kept = await countIndexed(tx, { list, range: { lo, hi: cut }, marks });
    // Messages of a stream that was opened since would be counted. The next step divides.
    if (await isStreamOpenedSince(tx, marks)) return;
    await setMessages(tx, { list, lo, messages: kept });
    await insertBlock(tx, { list, lo: cut, messages: messages - kept });
    [lo, messages] = [cut, messages - kept];
  }
}

async function nextBlock(tx: Transaction, { list, lo }: Block): Promise<ListPosition | undefined> {
  const values = new Values();
  const about = aboutList(list, values);
  const place = [lo.instant, lo.messageId, lo.source].map((part) => values.add(part)).join(", ");
  const sql = `SELECT ${POSITION_FIELDS} FROM blocks WHERE ${about} AND (${POSITION_COLUMNS}) > (${place}) ORDER BY kind, name, ${POSITION_COLUMNS} LIMIT 1`;
  return (await tx.all<ListPosition>(sql, values.list))[0];
}

async function keyAfter(
  tx: Transaction,
  list: List,
  range: ListRange,
  rows: number,
): Promise<ListPosition | undefined> {
  const values = new Values();
  const where = every([...inList(list, values), ...inRange(range, values)]);
  const sql = `SELECT ${POSITION_FIELDS} FROM messages WHERE ${where} ORDER BY ${POSITION_COLUMNS} LIMIT 1 OFFSET ${values.add(rows)}`;
  return (await tx.all<ListPosition>(sql, values.list))[0];
}

/** How many messages of a part of a list are counted. */
export async function countIndexed(
  tx: Transaction,
  {
    list,
    range,
    marks,
  }: { readonly list: List; readonly range: ListRange; readonly marks: readonly Watermark[] },
): Promise<number> {
  const values = new Values();
  const where = every([
    ...inList(list, values),
    ...inRange(range, values),
    `NOT ${inTail(marks, values)}`,
  ]);
  const [row] = await tx.all<{ rows: number }>(
    `SELECT count(*) AS rows FROM messages WHERE ${where}`,
    values.list,
  );
  return row?.rows ?? 0;
}

async function insertBlock(tx: Transaction, { list, lo, messages }: Block): Promise<void> {
  const { kind, name } = list;
  await tx.run("INSERT INTO blocks VALUES ($1, $2, $3, $4, $5, $6)", [
    kind,
    name,
    lo.instant,
    lo.messageId,
    lo.source,
    messages,
  ]);
}

async function setMessages(tx: Transaction, { list, lo, messages }: Block): Promise<void> {
  await tx.run(
    `UPDATE blocks SET messages = $1
     WHERE kind = $2 AND name = $3 AND instant = $4 AND message_id = $5 AND source = $6`,
    [messages, list.kind, list.name, lo.instant, lo.messageId, lo.source],
  );
}

import { prefixEnd } from "../../list-position.ts";
import type { Sender, SenderPage, SenderQuery } from "../../store.ts";
import { isStorable } from "../index/searchable.ts";
import { inTail } from "../index/streams.ts";
import { DESCENDING, numberOf, POSITION_COLUMNS, Values } from "../sql.ts";
import type { Snapshot } from "./snapshot.ts";

/** Senders in the order of their numbers, each with its counts plus the tail. */
export async function findSenders(snapshot: Snapshot, query: SenderQuery): Promise<SenderPage> {
  const { tx, marks } = snapshot;
  const { limit, offset, after = "", prefix } = query;
  // PostgreSQL stores no NUL and no lone surrogate, so no number begins with one.
  if (prefix !== undefined && !isStorable(prefix)) return { senders: [], total: 0, more: false };
  const values = new Values();
  const inRange = rangeOf(prefix, values);
  const tail = `WITH tail AS MATERIALIZED (
      SELECT from_msisdn AS name, count(*) AS late FROM messages WHERE ${inTail(marks, values)} ${inRange("from_msisdn")} GROUP BY from_msisdn),
    known AS MATERIALIZED (
      SELECT tail.name, late, messages FROM tail LEFT JOIN totals ON totals.kind = 'from' AND totals.name = tail.name)`;
  const inTailOnly = [...values.list];
  // A cursor of ours has no such characters. Others are sorted as if without NUL.
  const behind = values.add(isStorable(after) ? after : after.toWellFormed().replaceAll("\0", ""));
  const page = `${tail} SELECT name AS "from", sum(messages)::bigint AS count FROM (
       (SELECT name, messages FROM totals WHERE kind = 'from' AND name > ${behind} ${inRange("name")} ORDER BY kind, name LIMIT ${values.add(offset + limit + 1)})
       UNION ALL SELECT name, late FROM known WHERE name > ${behind}) AS parts
     GROUP BY name ORDER BY name LIMIT ${values.add(limit + 1)} OFFSET ${values.add(offset)}`;
  const [rows, counted, late] = await Promise.all([
    tx.all<{ from: string; count: number }>(page, values.list),
    countIndexed(snapshot, prefix),
    numberOf(tx, `${tail} SELECT count(*) FROM known WHERE messages IS NULL`, inTailOnly),
  ]);
  const senders = await Promise.all(rows.slice(0, limit).map((row) => senderOf(snapshot, row)));
  return { senders, total: counted + late, more: rows.length > limit };
}

/** A condition for the range of a prefix, and none without one. */
function rangeOf(prefix: string | undefined, values: Values): (column: string) => string {
  if (prefix === undefined) return () => "";
  const [first, end] = [values.add(prefix), values.add(prefixEnd(prefix))];
  return (column) => `AND ${column} >= ${first} AND ${column} < ${end}`;
}

function countIndexed({ tx }: Snapshot, prefix: string | undefined): Promise<number> {
  if (prefix === undefined)
    return numberOf(tx, "SELECT messages FROM totals WHERE kind = 'senders' AND name = ''");
  const values = new Values();
  const inRange = rangeOf(prefix, values);
  return numberOf(
    tx,
    `SELECT count(*) FROM totals WHERE kind = 'from' ${inRange("name")}`,
    values.list,
  );
}

async function senderOf(snapshot: Snapshot, row: { from: string; count: number }): Promise<Sender> {
  const [firstTs, lastTs] = await Promise.all(
    [POSITION_COLUMNS, DESCENDING].map((order) => tsAtEnd(snapshot, row.from, order)),
  );
  return { ...row, firstTs: firstTs ?? "", lastTs: lastTs ?? "" };
}

async function tsAtEnd({ tx }: Snapshot, from: string, order: string): Promise<string | undefined> {
  const sql = `SELECT ts FROM messages WHERE from_msisdn = $1 ORDER BY ${order} LIMIT 1`;
  return (await tx.all<{ ts: string }>(sql, [from]))[0]?.ts;
}

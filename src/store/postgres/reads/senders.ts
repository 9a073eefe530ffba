import type { Sender, SenderPage, SenderQuery } from "../../store.ts";
import { isStorable } from "../index/searchable.ts";
import { inTail } from "../index/streams.ts";
import { DESCENDING, numberOf, POSITION_COLUMNS, Values } from "../sql.ts";
import type { Snapshot } from "./snapshot.ts";

/** Senders in the order of their numbers, each with its counts plus the tail. */
export async function findSenders(snapshot: Snapshot, query: SenderQuery): Promise<SenderPage> {
  const { tx, marks } = snapshot;
  const { limit, offset, after = "" } = query;
  const values = new Values();
  const tail = `WITH tail AS MATERIALIZED (
      SELECT from_msisdn AS name, count(*) AS late FROM messages WHERE ${inTail(marks, values)} GROUP BY from_msisdn),
    known AS MATERIALIZED (
      SELECT tail.name, late, messages FROM tail LEFT JOIN totals ON totals.kind = 'from' AND totals.name = tail.name)`;
  const inTailOnly = [...values.list];
  // A number with NUL comes from no cursor of ours. It is sorted as if without NUL.
  const behind = values.add(isStorable(after) ? after : after.toWellFormed().replaceAll("\0", ""));
  const page = `${tail} SELECT name AS "from", sum(messages)::bigint AS count FROM (
       (SELECT name, messages FROM totals WHERE kind = 'from' AND name > ${behind} ORDER BY kind, name LIMIT ${values.add(offset + limit + 1)})
       UNION ALL SELECT name, late FROM known WHERE name > ${behind}) AS parts
     GROUP BY name ORDER BY name LIMIT ${values.add(limit + 1)} OFFSET ${values.add(offset)}`;
  const [rows, counted, late] = await Promise.all([
    tx.all<{ from: string; count: number }>(page, values.list),
    numberOf(tx, "SELECT messages FROM totals WHERE kind = 'senders' AND name = ''"),
    numberOf(tx, `${tail} SELECT count(*) FROM known WHERE messages IS NULL`, inTailOnly),
  ]);
  const senders = await Promise.all(rows.slice(0, limit).map((row) => senderOf(snapshot, row)));
  return { senders, total: counted + late, more: rows.length > limit };
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

import { type MessageStats, TOP_SENDERS_MAX } from "../../store.ts";
import { inTail } from "../index/streams.ts";
import { DESCENDING, POSITION_COLUMNS, Values } from "../sql.ts";
import type { Snapshot } from "./snapshot.ts";

/** Totals, from the counts and the tail. */
export async function stats(snapshot: Snapshot): Promise<MessageStats> {
  const { tx } = snapshot;
  const [totals, ranked, [ends]] = await Promise.all([
    tx.all<{ kind: string; messages: number }>(
      "SELECT kind, messages FROM totals WHERE kind IN ('all', 'senders') AND name = ''",
    ),
    rank(snapshot),
    tx.all<{ firstTs: string | null; lastTs: string | null }>(
      `SELECT (SELECT ts FROM messages ORDER BY ${POSITION_COLUMNS} LIMIT 1) AS "firstTs",
         (SELECT ts FROM messages ORDER BY ${DESCENDING} LIMIT 1) AS "lastTs"`,
    ),
  ]);
  const [counted = 0, indexedSenders = 0] = ["all", "senders"].map(
    (wanted) => totals.find(({ kind }) => kind === wanted)?.messages,
  );
  const { late, newcomers } = ranked[0] ?? { late: 0, newcomers: 0 };
  const topSenders = ranked.map(({ from, count }) => ({ from, count }));
  return {
    total: counted + late,
    senders: indexedSenders + newcomers,
    topSenders,
    ...(ends ?? { firstTs: null, lastTs: null }),
  };
}

interface Ranked {
  readonly from: string;
  readonly count: number;
  /** Messages of the tail, and senders that occur only there. Both are the same in each row. */
  readonly late: number;
  readonly newcomers: number;
}

/**
 * The busiest senders: those with the highest counts, and those in the tail, which is scanned once.
 */
function rank({ tx, marks }: Snapshot): Promise<readonly Ranked[]> {
  const values = new Values();
  return tx.all<Ranked>(
    `WITH tail AS MATERIALIZED (
       SELECT from_msisdn AS name, count(*) AS late FROM messages WHERE ${inTail(marks, values)} GROUP BY from_msisdn),
     known AS MATERIALIZED (
       SELECT tail.name, late, messages FROM tail LEFT JOIN totals ON totals.kind = 'from' AND totals.name = tail.name),
     busiest AS (
       SELECT name, messages FROM totals WHERE kind = 'from' ORDER BY kind, messages DESC, name LIMIT ${TOP_SENDERS_MAX})
     SELECT name AS "from", count, (SELECT sum(late) FROM known)::bigint AS late,
       (SELECT count(*) FROM known WHERE messages IS NULL) AS newcomers
     FROM (
       SELECT name, late + coalesce(messages, 0) AS count FROM known
       UNION ALL SELECT name, messages FROM busiest WHERE name NOT IN (SELECT name FROM known)) AS candidates
     ORDER BY count DESC, name LIMIT ${TOP_SENDERS_MAX}`,
    values.list,
  );
}

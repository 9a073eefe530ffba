import { type MessageStats, TOP_SENDERS_MAX } from "../../store.ts";
import { ASCENDING, DESCENDING } from "../sql.ts";
import type { Statements } from "../statements.ts";
import type { Snapshot } from "./snapshot.ts";

/** Totals, from the indexed counts and the tail. */
export function stats({
  statements,
  indexedSeq,
  indexedMessages,
  indexedSenders,
}: Snapshot): MessageStats {
  // The busiest senders: those with the highest indexed counts, and those in the tail, which is
  // scanned once.
  const rows = statements.all<{ from: string; count: number; late: number; newcomers: number }>(
    `WITH tail AS MATERIALIZED (
       SELECT from_msisdn AS msisdn, count(*) AS late FROM lyftr_messages NOT INDEXED WHERE seq > ? GROUP BY from_msisdn),
     known AS MATERIALIZED (SELECT msisdn, late, senders.messages FROM tail LEFT JOIN senders USING (msisdn)),
     busiest AS (SELECT msisdn, messages FROM senders ORDER BY messages DESC, msisdn LIMIT ${TOP_SENDERS_MAX})
     SELECT msisdn AS "from", count, (SELECT sum(late) FROM known) AS late,
       (SELECT count(*) FROM known WHERE messages IS NULL) AS newcomers
     FROM (SELECT msisdn, late + coalesce(messages, 0) AS count FROM known
       UNION ALL SELECT msisdn, messages FROM busiest WHERE msisdn NOT IN (SELECT msisdn FROM known))
     ORDER BY count DESC, msisdn LIMIT ${TOP_SENDERS_MAX}`,
    [indexedSeq],
  );
  const { late, newcomers } = rows[0] ?? { late: 0, newcomers: 0 };
  return {
    total: indexedMessages + (late ?? 0),
    senders: indexedSenders + newcomers,
    topSenders: rows.map(({ from, count }) => ({ from, count })),
    firstTs: tsAtEnd(statements, ASCENDING),
    lastTs: tsAtEnd(statements, DESCENDING),
  };
}

/** The timestamp at one end of the list of all messages. */
function tsAtEnd(statements: Statements, order: string): string | null {
  return (
    statements.get<{ ts: string }>(`SELECT ts FROM lyftr_messages ORDER BY ${order} LIMIT 1`)?.ts ??
    null
  );
}

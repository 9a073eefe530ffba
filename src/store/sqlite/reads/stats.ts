import type { MessageStats } from "../../store.ts";
import { ASCENDING, DESCENDING } from "../key.ts";
import type { Statements } from "../statements.ts";
import type { Snapshot } from "./snapshot.ts";

const TOP_SENDERS_MAX = 10;

/** The senders of the tail, each with how many messages it has there. */
const TAIL_SENDERS = `tail AS MATERIALIZED (
  SELECT from_msisdn AS msisdn, count(*) AS messages FROM messages NOT INDEXED WHERE seq > ? GROUP BY from_msisdn)`;

/** Totals, from the rollups and the tail. */
export function stats({ statements, foldedSeq, foldedMessages, foldedSenders }: Snapshot): MessageStats {
  const tail = statements.get<{ messages: number; newcomers: number }>(
    `WITH ${TAIL_SENDERS} SELECT coalesce(sum(messages), 0) AS messages,
       count(*) FILTER (WHERE NOT EXISTS (SELECT 1 FROM senders WHERE senders.msisdn = tail.msisdn)) AS newcomers FROM tail`,
    [foldedSeq],
  );
  const topSenders = statements.all<{ from: string; count: number }>(
    // Whoever is among the busiest is so by the rollups alone, or has written in the tail.
    `WITH ${TAIL_SENDERS}, candidates AS (
       SELECT msisdn FROM (SELECT msisdn FROM senders ORDER BY messages DESC, msisdn LIMIT ${TOP_SENDERS_MAX})
       UNION SELECT msisdn FROM tail)
     SELECT msisdn AS "from", coalesce((SELECT messages FROM senders WHERE senders.msisdn = candidates.msisdn), 0)
       + coalesce((SELECT messages FROM tail WHERE tail.msisdn = candidates.msisdn), 0) AS count
     FROM candidates ORDER BY count DESC, msisdn LIMIT ${TOP_SENDERS_MAX}`,
    [foldedSeq],
  );
  return {
    total: foldedMessages + (tail?.messages ?? 0),
    senders: foldedSenders + (tail?.newcomers ?? 0),
    topSenders,
    firstTs: tsAtEnd(statements, ASCENDING),
    lastTs: tsAtEnd(statements, DESCENDING),
  };
}

/** The timestamp at one end of the list of all. */
function tsAtEnd(statements: Statements, order: string): string | null {
  return statements.get<{ ts: string }>(`SELECT ts FROM messages ORDER BY ${order} LIMIT 1`)?.ts ?? null;
}

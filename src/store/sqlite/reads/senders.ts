import type { Sender, SenderPage, SenderQuery } from "../../store.ts";
import { compareKeys, END, type Entry, START } from "../key.ts";
import { CountedList } from "./counted-list.ts";
import { messageAt } from "./find.ts";
import type { Snapshot } from "./snapshot.ts";

/** Senders in the order of their numbers, each with what it has in the rollups and in the tail. */
export function findSenders(snapshot: Snapshot, { limit, offset, after = "" }: SenderQuery): SenderPage {
  const { statements, foldedSeq, foldedSenders } = snapshot;
  const newcomers = `SELECT DISTINCT from_msisdn AS msisdn FROM lyftr_messages NOT INDEXED
    WHERE seq > ? AND NOT EXISTS (SELECT 1 FROM senders WHERE senders.msisdn = from_msisdn)`;
  const total = foldedSenders + statements.number(`SELECT count(*) FROM (${newcomers})`, [foldedSeq]);
  const rows = statements.all<{ msisdn: string }>(
    `SELECT msisdn FROM senders WHERE msisdn > ? UNION ALL SELECT msisdn FROM (${newcomers}) WHERE msisdn > ?
     ORDER BY msisdn LIMIT ? OFFSET ?`,
    [after, foldedSeq, after, limit + 1, offset],
  );
  const numbers = rows.slice(0, limit).map(({ msisdn }) => msisdn);
  const late = tailOfSenders(snapshot, numbers);
  const senders = numbers.map((from) => senderOf(snapshot, from, late.get(from) ?? []));
  return { senders, total, more: rows.length > limit };
}

type Late = readonly (Entry & { readonly from: string })[];

function tailOfSenders({ statements, foldedSeq }: Snapshot, numbers: readonly string[]): Map<string, Late> {
  const rows = statements.all<Late[number]>(
    `SELECT seq, instant, message_id AS messageId, source, from_msisdn AS "from" FROM lyftr_messages NOT INDEXED
     WHERE seq > ? AND from_msisdn IN (SELECT value FROM json_each(?))`,
    [foldedSeq, JSON.stringify(numbers)],
  );
  return Map.groupBy(rows, ({ from }) => from);
}

function senderOf(snapshot: Snapshot, from: string, late: Late): Sender {
  const list = new CountedList(snapshot, from);
  const everything = { lo: START, hi: END };
  const ends = [false, true].flatMap((reverse) => list.entries(everything, { reverse, offset: 0, limit: 1 }));
  const entries = [...ends, ...late].sort(compareKeys);
  const tsOf = (entry: Entry | undefined) => (entry === undefined ? "" : messageAt(snapshot.statements, entry.seq).ts);
  return { from, count: list.total() + late.length, firstTs: tsOf(entries[0]), lastTs: tsOf(entries.at(-1)) };
}

import { comparePositions, prefixEnd } from "../../list-position.ts";
import type { Sender, SenderPage, SenderQuery } from "../../store.ts";
import type { ListEntry } from "../sql.ts";
import { CountedList } from "./counted-list.ts";
import { messageAt } from "./find.ts";
import type { Snapshot } from "./snapshot.ts";
import { walk } from "./walk.ts";

/** Senders in the order of their numbers, each with its indexed counts plus the tail. */
export function findSenders(
  snapshot: Snapshot,
  { limit, offset, after = "", prefix }: SenderQuery,
): SenderPage {
  const { statements, indexedSeq, indexedSenders } = snapshot;
  const range = prefix === undefined ? undefined : [prefix, prefixEnd(prefix)];
  const inRange = (column: string) =>
    range === undefined ? "" : `AND ${column} >= ? AND ${column} < ?`;
  const bounds = range ?? [];
  const newcomers = `SELECT DISTINCT from_msisdn AS msisdn FROM lyftr_messages NOT INDEXED
    WHERE seq > ? ${inRange("from_msisdn")} AND NOT EXISTS (SELECT 1 FROM senders WHERE senders.msisdn = from_msisdn)`;
  const indexed =
    range === undefined
      ? indexedSenders
      : statements.number("SELECT count(*) FROM senders WHERE msisdn >= ? AND msisdn < ?", range);
  const total =
    indexed + statements.number(`SELECT count(*) FROM (${newcomers})`, [indexedSeq, ...bounds]);
  const rows = statements.all<{ msisdn: string }>(
    `SELECT msisdn FROM senders WHERE msisdn > ? ${inRange("msisdn")}
     UNION ALL SELECT msisdn FROM (${newcomers}) WHERE msisdn > ?
     ORDER BY msisdn LIMIT ? OFFSET ?`,
    [after, ...bounds, indexedSeq, ...bounds, after, limit + 1, offset],
  );
  const numbers = rows.slice(0, limit).map(({ msisdn }) => msisdn);
  const late = tailOfSenders(snapshot, numbers);
  const senders = numbers.map((from) => senderOf(snapshot, from, late.get(from)));
  return { senders, total, more: rows.length > limit };
}

/** The messages of a sender in the tail: their number, and the first and the last one. */
interface TailOfSender {
  count: number;
  first: ListEntry;
  last: ListEntry;
}

function tailOfSenders(
  snapshot: Snapshot,
  numbers: readonly string[],
): ReadonlyMap<string, TailOfSender> {
  const late = new Map<string, TailOfSender>();
  const rows = walk<[number, string, string, string, string]>(snapshot, {
    sql: `SELECT seq, instant, message_id, source, from_msisdn FROM lyftr_messages NOT INDEXED
          WHERE seq > ? AND from_msisdn IN (SELECT value FROM json_each(?))`,
    values: [snapshot.indexedSeq, JSON.stringify(numbers)],
  });
  for (const [seq, instant, messageId, source, from] of rows) {
    const entry = { seq, instant, messageId, source };
    const known = late.get(from);
    if (known === undefined) {
      late.set(from, { count: 1, first: entry, last: entry });
      continue;
    }
    known.count++;
    if (comparePositions(entry, known.first) < 0) known.first = entry;
    if (comparePositions(entry, known.last) > 0) known.last = entry;
  }
  return late;
}

function senderOf(snapshot: Snapshot, from: string, late: TailOfSender | undefined): Sender {
  const list = new CountedList(snapshot, from);
  const ends = [false, true].flatMap((reverse) =>
    list.entries({}, { reverse, offset: 0, limit: 1 }),
  );
  const entries = [...ends, ...(late === undefined ? [] : [late.first, late.last])].sort(
    comparePositions,
  );
  const tsOf = (entry: ListEntry | undefined) =>
    entry === undefined ? "" : messageAt(snapshot.statements, entry.seq).ts;
  const count = list.total() + (late?.count ?? 0);
  return { from, count, firstTs: tsOf(entries[0]), lastTs: tsOf(entries.at(-1)) };
}

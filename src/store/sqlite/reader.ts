import type { DatabaseSync, SQLInputValue } from "node:sqlite";
import { foldCase } from "../../domain/case-fold.ts";
import type { MessageQuery } from "../../domain/message-query.ts";
import type { MessagePage, MessageStats, StoredMessage } from "../store.ts";
import { openReader, transaction } from "./connection.ts";
import { serveLine } from "./worker-line.ts";

const TOP_SENDERS_MAX = 10;

// The code of a thread that only reads. Each operation is one transaction, so all its statements see the same snapshot.
serveLine(({ path }: { path: string }) => {
  const db = openReader(path);
  db.function("contains_folded", { deterministic: true }, (text, needle) =>
    foldCase(String(text)).includes(String(needle)) ? 1 : 0,
  );
  return {
    find: (query: MessageQuery) => transaction(db, "BEGIN", () => find(db, query)),
    stats: () => transaction(db, "BEGIN", () => stats(db)),
    ping: () => void db.prepare("SELECT 1 FROM messages LIMIT 1").get(),
    close: () => db.close(),
  };
});

function find(db: DatabaseSync, query: MessageQuery): MessagePage {
  const [conditions, values] = where(query);
  const total = Number(
    db.prepare(`SELECT count(*) AS total FROM messages ${clause(conditions)}`).get(...values)?.total,
  );
  if (query.after !== undefined) {
    const { instant, messageId, source } = query.after;
    conditions.push("(instant, message_id, source) > (?, ?, ?)");
    values.push(instant, messageId, source);
  }
  const rows = db
    .prepare(
      `SELECT source, message_id AS messageId, from_msisdn AS "from", to_msisdn AS "to", ts, text, created_at AS createdAt
       FROM messages ${clause(conditions)} ORDER BY instant, message_id, source LIMIT ? OFFSET ?`,
    )
    .all(...values, query.limit + 1, query.offset) as unknown as StoredMessage[];
  return { messages: rows.slice(0, query.limit), total, more: rows.length > query.limit };
}

function where({ filter }: MessageQuery): [string[], SQLInputValue[]] {
  const conditions: string[] = [];
  const values: SQLInputValue[] = [];
  const add = (condition: string, value: string | undefined) => {
    if (value === undefined) return;
    conditions.push(condition);
    values.push(value);
  };
  add("from_msisdn = ?", filter.from);
  add("instant >= ?", filter.since);
  // A function of our own: LIKE and lower() of SQLite know the case of ASCII only, and % and _ would need escapes.
  add("text IS NOT NULL AND contains_folded(text, ?)", filter.q === undefined ? undefined : foldCase(filter.q));
  return [conditions, values];
}

function clause(conditions: readonly string[]): string {
  return conditions.length === 0 ? "" : `WHERE ${conditions.join(" AND ")}`;
}

function stats(db: DatabaseSync): MessageStats {
  // The windows span all groups, so one pass over the index gives the totals too.
  const rows = db
    .prepare(
      `SELECT from_msisdn AS "from", count(*) AS count, sum(count(*)) OVER () AS total, count(*) OVER () AS senders
       FROM messages GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT ${TOP_SENDERS_MAX}`,
    )
    .all();
  const topSenders = rows.map((row) => ({ from: String(row.from), count: Number(row.count) }));
  const total = Number(rows[0]?.total ?? 0);
  return {
    total,
    senders: Number(rows[0]?.senders ?? 0),
    topSenders,
    firstTs: end(db, "ASC"),
    lastTs: end(db, "DESC"),
  };
}

/** The timestamp at one end of the order of lists. */
function end(db: DatabaseSync, direction: "ASC" | "DESC"): string | null {
  const row = db
    .prepare(
      `SELECT ts FROM messages ORDER BY instant ${direction}, message_id ${direction}, source ${direction} LIMIT 1`,
    )
    .get();
  return row === undefined ? null : String(row.ts);
}

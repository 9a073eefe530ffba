import { deepEqual, equal } from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { instantOf } from "../../src/domain/timestamp.ts";
import { expectWithin } from "./checks.ts";
import type { TimedAnswer } from "./closed-loop.ts";
import type { ScanAnswer, ScanQuery } from "./plain-scan.ts";
import { isAscii, type ReadFigure } from "./read-figures.ts";

type Json = Readonly<Record<string, unknown>>;

/** The answer of the service in the form of the plain scan. */
export function answerOf({ name, query }: ReadFigure, { status, body }: TimedAnswer): ScanAnswer {
  equal(status, 200, `${name}: ${status} ${body.slice(0, 500)}`);
  if (query.kind === "messages" && !body.startsWith('{"data":'))
    return { data: linesOf(body).map(message) };
  const json = JSON.parse(body) as Json;
  const data = (json.data ?? []) as readonly Json[];
  switch (query.kind) {
    case "messages":
      return { total: json.total as number, data: data.map(message) };
    case "senders":
      return { total: json.total as number, data: data.map(sender) };
    case "timeline":
      return {
        data: data.map(({ start, count }) => ({
          start: String(start).slice(0, query.characters),
          count,
        })),
      };
    case "stats":
      return {
        total: json.total_messages as number,
        senders: json.senders_count as number,
        top: json.messages_per_sender as readonly unknown[],
        first: instant(json.first_message_ts),
        last: instant(json.last_message_ts),
      };
  }
}

/**
 * Fails the run unless the answer is the expected one. Fields that the scan did not compute, or
 * that the answer does not have, are not compared.
 */
export function expectAnswer({ name }: ReadFigure, answer: ScanAnswer, expected: ScanAnswer): void {
  const both = Object.keys(expected).filter((key) => key in answer) as (keyof ScanAnswer)[];
  for (const key of both) deepEqual(answer[key], expected[key], `${name}: ${key} differs`);
}

/**
 * The same while newer messages arrive: lists may only grow at their newest end, and counts only by
 * the arrived messages.
 */
export function expectGrown(
  figure: ReadFigure,
  answer: ScanAnswer,
  before: ScanAnswer,
  newRowsMax: number,
): void {
  const { total } = before;
  if (total !== undefined && answer.total !== undefined && figure.query.kind !== "senders")
    expectWithin(`${figure.name}: total`, answer.total, total, total + newRowsMax);
  if (
    figure.query.kind !== "messages" ||
    figure.query.order === "desc" ||
    before.data === undefined
  )
    return;
  deepEqual(
    answer.data?.slice(0, before.data.length),
    before.data,
    `${figure.name}: the page has changed`,
  );
}

/**
 * Totals counted by SQLite, for databases that are too large to be read row by row in another
 * language.
 */
export function countedAnswers(
  databasePath: string,
  queries: readonly ScanQuery[],
): readonly ScanAnswer[] {
  const db = new DatabaseSync(databasePath, { readOnly: true });
  try {
    return queries.map((query) => {
      if (query.kind === "stats") return { total: count(db, {}) };
      return query.kind === "messages" && isAscii(query.q ?? "") ? { total: count(db, query) } : {};
    });
  } finally {
    db.close();
  }
}

const CONDITIONS = {
  from: "from_msisdn = ?",
  to: "to_msisdn = ?",
  since: "instant >= ?",
  until: "instant < ?",
  q: "text LIKE '%' || ? || '%'",
} as const;

function count(db: DatabaseSync, query: Partial<Record<keyof typeof CONDITIONS, string>>): number {
  const given = Object.entries(CONDITIONS).flatMap(([name, sql]) => {
    const value = query[name as keyof typeof CONDITIONS];
    return value === undefined ? [] : [{ sql, value }];
  });
  const where = given.length === 0 ? "" : `WHERE ${given.map(({ sql }) => sql).join(" AND ")}`;
  const row = db
    .prepare(`SELECT count(*) AS n FROM lyftr_messages ${where}`)
    .get(...given.map(({ value }) => value));
  return Number(row?.n);
}

function message({ message_id, from, to, ts, text, created_at }: Json): unknown {
  return { message_id, from, to, ts, text, created_at };
}

function sender({ from, count, first_seen, last_seen }: Json): unknown {
  return { from, count, first: instant(first_seen), last: instant(last_seen) };
}

function instant(ts: unknown): string | null {
  return ts === null ? null : instantOf(String(ts));
}

function linesOf(body: string): readonly Json[] {
  return body
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));
}

import type { RetentionLook } from "../../retention.ts";
import type { Statements } from "../statements.ts";

/** How many of the messages stored last are asked for their age: an import may have stored older ones. */
const NEWEST_ROWS_MAX = 10_000;

const COLUMNS = `looked_at AS "at", received_before AS "receivedBefore", everywhere_at AS "everywhereAt"`;

export function lastLook(statements: Statements): RetentionLook | undefined {
  return statements.get<RetentionLook>(`SELECT ${COLUMNS} FROM retention_look`);
}

export function noteLook(statements: Statements, { at, receivedBefore, everywhereAt }: RetentionLook): void {
  statements.run("INSERT OR REPLACE INTO main.retention_look VALUES (1, ?, ?, ?)", [at, receivedBefore, everywhereAt]);
}

export function beginLooks(statements: Statements): void {
  if (lastLook(statements) !== undefined) return;
  statements.run(
    `INSERT OR IGNORE INTO main.retention_look
     SELECT 1, max(created_at), NULL, NULL
     FROM (SELECT created_at FROM lyftr_messages ORDER BY seq DESC LIMIT ?) HAVING max(created_at) IS NOT NULL`,
    [NEWEST_ROWS_MAX],
  );
}

export function hasEndedTombstones(statements: Statements, now: string): boolean {
  const sql = "SELECT 1 FROM tombstones INDEXED BY tombstones_by_end WHERE expires_at <= ? LIMIT 1";
  return statements.get(sql, [now]) !== undefined;
}

import type { Statements } from "../statements.ts";

/** An import may have stored some older messages last. */
const NEWEST_ROWS_MAX = 100;

/** When the newest of the last stored messages was received; null when there is none. */
export function lastReceivedAt(statements: Statements): string | null {
  const row = statements.get<{ at: string | null }>(
    `SELECT max(created_at) AS "at"
     FROM (SELECT created_at FROM lyftr_messages ORDER BY seq DESC LIMIT ?)`,
    [NEWEST_ROWS_MAX],
  );
  return row?.at ?? null;
}

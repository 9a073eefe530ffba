import type { RetentionSweep } from "../../retention.ts";
import type { Statements } from "../statements.ts";

/**
 * How many of the last stored messages are read for their age. An import may have stored older
 * ones.
 */
const NEWEST_ROWS_MAX = 10_000;

const COLUMNS = `swept_at AS "at", received_before AS "receivedBefore", full_scan_at AS "fullScanAt"`;

export function lastSweep(statements: Statements): RetentionSweep | undefined {
  return statements.get<RetentionSweep>(`SELECT ${COLUMNS} FROM retention_sweep`);
}

export function recordSweep(
  statements: Statements,
  { at, receivedBefore, fullScanAt }: RetentionSweep,
): void {
  statements.run("INSERT OR REPLACE INTO main.retention_sweep VALUES (1, ?, ?, ?)", [
    at,
    receivedBefore,
    fullScanAt,
  ]);
}

export function seedLastSweep(statements: Statements): void {
  if (lastSweep(statements) !== undefined) return;
  statements.run(
    `INSERT OR IGNORE INTO main.retention_sweep
     SELECT 1, max(created_at), NULL, NULL
     FROM (SELECT created_at FROM lyftr_messages ORDER BY seq DESC LIMIT ?) HAVING max(created_at) IS NOT NULL`,
    [NEWEST_ROWS_MAX],
  );
}

export function hasEndedTombstones(statements: Statements, now: string): boolean {
  const sql = "SELECT 1 FROM tombstones INDEXED BY tombstones_by_end WHERE expires_at <= ? LIMIT 1";
  return statements.get(sql, [now]) !== undefined;
}

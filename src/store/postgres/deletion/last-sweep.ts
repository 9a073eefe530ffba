import type { RetentionSweep } from "../../retention.ts";
import type { Database } from "../database.ts";

/**
 * The maximum number of messages whose age is read, the last ones of each stream; then the number
 * of streams.
 */
const NEWEST_ROWS_MAX = 100;
const STREAMS_MAX = 10_000;

const COLUMNS = `swept_at AS "at", received_before AS "receivedBefore", full_scan_at AS "fullScanAt"`;

export async function lastSweep(database: Database): Promise<RetentionSweep | undefined> {
  const [sweep] = await database.all<RetentionSweep>(`SELECT ${COLUMNS} FROM retention_sweep`);
  return sweep;
}

export async function recordSweep(database: Database, sweep: RetentionSweep): Promise<void> {
  await database.all(
    `INSERT INTO retention_sweep VALUES (1, $1, $2, $3) ON CONFLICT (one) DO UPDATE SET
       swept_at = excluded.swept_at, received_before = excluded.received_before,
       full_scan_at = excluded.full_scan_at`,
    [sweep.at, sweep.receivedBefore, sweep.fullScanAt],
  );
}

export async function seedLastSweep(database: Database): Promise<void> {
  if ((await lastSweep(database)) !== undefined) return;
  await database.all(
    `WITH RECURSIVE known AS (
       (SELECT stream FROM messages ORDER BY stream LIMIT 1)
       UNION ALL
       SELECT (SELECT stream FROM messages WHERE stream > known.stream ORDER BY stream LIMIT 1)
       FROM known WHERE known.stream IS NOT NULL)
     INSERT INTO retention_sweep
     SELECT 1, max(newest.created_at), NULL, NULL
     FROM (SELECT stream FROM known WHERE stream IS NOT NULL LIMIT $1) AS chosen,
       LATERAL (SELECT created_at FROM messages WHERE messages.stream = chosen.stream
                ORDER BY seq DESC LIMIT $2) AS newest
     HAVING max(newest.created_at) IS NOT NULL
     ON CONFLICT DO NOTHING`,
    [STREAMS_MAX, NEWEST_ROWS_MAX],
  );
}

export async function hasEndedTombstones(database: Database, now: string): Promise<boolean> {
  const rows = await database.all("SELECT 1 FROM tombstones WHERE expires_at <= $1 LIMIT 1", [now]);
  return rows.length > 0;
}

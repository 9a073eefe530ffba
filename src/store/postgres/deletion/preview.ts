import type { RetentionPreview } from "../../retention.ts";
import { Database } from "../database.ts";
import { requireOurs } from "../migrations.ts";
import { inSnapshot } from "../reads/snapshot.ts";
import { stats } from "../reads/stats.ts";
import { PostgresRetention } from "./postgres-retention.ts";

const TOTAL_MS_MAX = 60_000;

/**
 * For a command; the service may be running. Rejects with `ConfigError` or `StoreRefused` unless it
 * is a database of Lyftr.
 */
export async function openPostgresRetentionPreview(url: string): Promise<RetentionPreview> {
  const database = new Database(url, { connectionsMax: 1, readOnly: true });
  try {
    await requireOurs(database, "read");
  } catch (error) {
    await database.close();
    throw error;
  }
  const retention = new PostgresRetention(database, url);
  const options = {
    searchIndex: "none",
    oldFormsIndexed: false,
    msMax: TOTAL_MS_MAX,
    long: false,
  } as const;
  return {
    total: async () => (await inSnapshot(database, options, stats)).total,
    expire: (step) => retention.expire(step),
    lastSweep: () => retention.lastSweep(),
    close: () => database.close(),
  };
}

import { StoreRefused } from "../../domain/errors.ts";
import type { Transaction } from "./connection.ts";
import type { Database, TransactionOptions } from "./database.ts";

const DISTRIBUTE_MS_MAX = 6 * 60 * 60 * 1_000;
const OPTIONS: TransactionOptions = { msMax: DISTRIBUTE_MS_MAX };

/** Messages are distributed by the hash of their id, tombstones by theirs. */
const DISTRIBUTED = [
  { table: "messages", by: "message_id" },
  { table: "tombstones", by: "hash" },
];
/** Small tables that every read needs are on every node. */
const REFERENCE_TABLES = [
  "streams",
  "totals",
  "blocks",
  "leases",
  "lyftr_database",
  "lyftr_migrations",
  "api_keys",
  "webhook_secrets",
  "secret_uses",
  "accepted_secrets",
  "audit",
  "deletions",
  "alert_votes",
  "alert_notices",
];

/**
 * Distributes the tables of a database with the Citus extension, unless they are distributed
 * already. Returns what it did, in words.
 */
export async function distribute(database: Database): Promise<readonly string[]> {
  return database.transaction(async (tx) => {
    if (!(await hasCitus(tx))) {
      throw new StoreRefused(
        "it does not have the Citus extension: run CREATE EXTENSION citus in it, and add the workers, first",
      );
    }
    const done: string[] = [];
    for (const { table, by } of DISTRIBUTED) {
      if (await isDistributed(tx, table)) continue;
      await tx.run("SELECT create_distributed_table($1, $2)", [table, by]);
      // The pending lists of the shards are emptied only by the insert that fills them and by
      // vacuum, so they are short.
      if (table === "messages") {
        await tx.run("ALTER INDEX IF EXISTS messages_search SET (gin_pending_list_limit = 1024)");
      }
      await tx.run("SELECT truncate_local_data_after_distributing_table($1)", [table]);
      done.push(`distributed ${table} by ${by}`);
    }
    for (const name of REFERENCE_TABLES) {
      if (await isDistributed(tx, name)) continue;
      await tx.run("SELECT create_reference_table($1)", [name]);
      done.push(`put ${name} on every node`);
    }
    return done;
  }, OPTIONS);
}

async function hasCitus(tx: Transaction): Promise<boolean> {
  return (await tx.all("SELECT 1 FROM pg_catalog.pg_extension WHERE extname = 'citus'")).length > 0;
}

async function isDistributed(tx: Transaction, table: string): Promise<boolean> {
  return (
    (await tx.all("SELECT 1 FROM pg_dist_partition WHERE logicalrelid = to_regclass($1)", [table]))
      .length > 0
  );
}

import { StoreRefused } from "../../domain/errors.ts";
import { type Migration, pendingMigrations, readMigrations, refusePending } from "../migrate.ts";
import type { OpenMode } from "../store.ts";
import type { Transaction } from "./connection.ts";
import type { Database } from "./database.ts";
import { makeOldFormsIndex } from "./index/search-form.ts";
import { makeSearchIndex } from "./index/trigrams.ts";
import { examine } from "./server.ts";
import { numberOf } from "./sql.ts";

const MIGRATE_MS_MAX = 30 * 60 * 1_000;
/**
 * How long to wait for another process that migrates. The server ends a stopped one before that;
 * see database.ts.
 */
const LOCK_WAIT = "lock_timeout = '120s'";
const PARTITIONED = "/* partitioned */";
/**
 * Two processes that create a table at the same moment both find it missing. The server reports the
 * conflict to one of them with one of these codes.
 */
const CREATED_CONCURRENTLY = ["23505", "42710", "42P07"];

export interface MigrateOptions {
  /** The number of hash partitions of `messages` when it is created. */
  readonly partitions?: number | undefined;
  /** The error for a database without Lyftr's tables. */
  readonly newDatabaseError?: Error | undefined;
}

/** The row that a migration locks. */
const MIGRATION_LOCK_VERSION = 0;

/**
 * Brings the schema up to date, in one transaction that holds the lock of a row. If several
 * processes start, one migrates, and the others find a current schema. The lock ends with the
 * transaction, however its process ends. Returns what was applied.
 */
export async function migrate(
  database: Database,
  { partitions, newDatabaseError }: MigrateOptions = {},
): Promise<readonly string[]> {
  const all = known();
  const version = await schemaVersion(database);
  if (version === 0 && newDatabaseError !== undefined) throw newDatabaseError;
  const pending = pendingMigrations(all, version);
  if (pending.length === 0) return [];
  // Before anything is created, so that a refused database stays as it is.
  await refuseTakenNames(database, version, pending);
  await makeTable(database);
  return database.transaction(
    async (tx) => {
      await tx.run("UPDATE lyftr_migrations SET name = name WHERE version = $1", [
        MIGRATION_LOCK_VERSION,
      ]);
      const pending = pendingMigrations(all, await versionIn(tx));
      for (const migration of pending) await apply(tx, migration, partitions);
      return pending.map(({ name }) => name);
    },
    { msMax: MIGRATE_MS_MAX, settings: [LOCK_WAIT] },
  );
}

/** Rejects with `StoreRefused` unless the schema is the one this version knows. */
export async function requireCurrentSchema(database: Database): Promise<void> {
  refusePending(known(), await schemaVersion(database));
}

/**
 * For a command: rejects with `ConfigError` or `StoreRefused` unless it is a current database of
 * Lyftr.
 */
export async function requireOurs(
  database: Database,
  mode: Exclude<OpenMode, "create">,
): Promise<void> {
  // The durability of the server matters to the service, not to a command.
  await examine(database, { allowWeakDurability: true, mode });
  await requireCurrentSchema(database);
}

function known(): readonly Migration[] {
  return readMigrations(new URL("./migrations/", import.meta.url));
}

async function schemaVersion(database: Database): Promise<number> {
  const [row] = await database.all<{ present: boolean }>(
    "SELECT to_regclass('lyftr_migrations') IS NOT NULL AS present",
  );
  return row?.present ? database.transaction(versionIn) : 0;
}

function versionIn(tx: Transaction): Promise<number> {
  return numberOf(tx, "SELECT max(version) FROM lyftr_migrations");
}

async function makeTable(database: Database): Promise<void> {
  try {
    await database.all(
      "CREATE TABLE IF NOT EXISTS lyftr_migrations (version integer PRIMARY KEY, name text NOT NULL)",
    );
  } catch (error) {
    if (!CREATED_CONCURRENTLY.includes(String((error as { code?: unknown }).code))) throw error;
  }
  await database.all("INSERT INTO lyftr_migrations VALUES ($1, 'lock') ON CONFLICT DO NOTHING", [
    MIGRATION_LOCK_VERSION,
  ]);
}

async function apply(
  tx: Transaction,
  { version, name, sql }: Migration,
  partitions: number | undefined,
): Promise<void> {
  if (version === 1) await refuseForeign(tx);
  await tx.run(
    sql.replace(PARTITIONED, partitions === undefined ? "" : "PARTITION BY HASH (message_id)"),
  );
  if (version === 1) {
    for (let part = 0; part < (partitions ?? 0); part++) {
      await tx.run(
        `CREATE TABLE messages_${part} PARTITION OF messages FOR VALUES WITH (MODULUS ${partitions}, REMAINDER ${part})`,
      );
    }
    await makeSearchIndex(tx);
    await makeOldFormsIndex(tx);
  }
  await tx.run("INSERT INTO lyftr_migrations (version, name) VALUES ($1, $2)", [version, name]);
}

const CREATED = /^CREATE (?:UNIQUE )?(?:TABLE|INDEX) (?:IF NOT EXISTS )?([a-z_]+)/gm;

/** Rejects a database in which another program uses a name that pending migrations need. */
async function refuseTakenNames(
  database: Database,
  version: number,
  pending: readonly Migration[],
): Promise<void> {
  const names = pending.flatMap(({ sql }) =>
    [...sql.matchAll(CREATED)].map(([, name = ""]) => name),
  );
  const [taken] = await database.all<{ name: string; isIndex: boolean }>(
    `SELECT relname AS name, relkind IN ('i', 'I') AS "isIndex" FROM pg_catalog.pg_class
     WHERE relnamespace = current_schema()::regnamespace AND relname = ANY ($1) ORDER BY relname <> 'messages', relname`,
    [names],
  );
  // Another process may have migrated between the two queries.
  if (taken === undefined || (await schemaVersion(database)) !== version) return;
  const what = `${taken.isIndex ? "an index" : "a table"} "${taken.name}" that does not belong to Lyftr`;
  throw new StoreRefused(
    `it has ${what}, and Lyftr needs that name: name another database in DATABASE_URL`,
  );
}

async function refuseForeign(tx: Transaction): Promise<void> {
  if (!(await tableExists(tx, "messages"))) return;
  throw new StoreRefused(
    'it has a table "messages" that does not belong to Lyftr: name another database in DATABASE_URL',
  );
}

async function tableExists(tx: Transaction, name: string): Promise<boolean> {
  const [row] = await tx.all<{ present: boolean }>(
    "SELECT to_regclass($1) IS NOT NULL AS present",
    [name],
  );
  return row?.present === true;
}

/** Called when --partitions is given: rejects if the existing tables do not match. */
export async function requirePartitions(database: Database, partitions: number): Promise<void> {
  const [row] = await database.all<{ parts: number }>(
    "SELECT count(*) AS parts FROM pg_catalog.pg_inherits WHERE inhparent = 'messages'::regclass",
  );
  if (row?.parts === partitions) return;
  const now = row?.parts === 0 ? "is one table already" : `has ${row?.parts} partitions already`;
  throw new StoreRefused(
    `messages ${now}, and is not divided again: create another database with --partitions ${partitions}, and fill it with lyftr copy`,
  );
}

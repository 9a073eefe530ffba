import type { DatabaseSync } from "node:sqlite";
import { StoreRefused } from "../../domain/errors.ts";
import { instantOf } from "../../domain/timestamp.ts";
import { type Migration, pendingMigrations, readMigrations, refusePending } from "../migrate.ts";
import { transaction } from "./connection.ts";

/** What an upgrade did: the migrations applied, and how many rows came over from the Python service's table, if there was one. */
export interface Upgrade {
  readonly applied: readonly string[];
  readonly adoptedRows?: number;
}

/** One report each, every second or two. */
const ADOPTED_PER_STEP = 100_000;
const PYTHON_COLUMNS = ["message_id", "from_msisdn", "to_msisdn", "ts", "text", "created_at"];

/**
 * Brings the schema up to date in one transaction, so that a process killed half way leaves the database as it was.
 * The lock of the transaction keeps two starting processes apart; a database that is up to date is not locked at all.
 */
export function upgrade(db: DatabaseSync, report: (progress: string) => void): Upgrade {
  const migrations = known();
  if (pendingMigrations(migrations, schemaVersion(db)).length === 0) return { applied: [] };
  return transaction(db, "BEGIN IMMEDIATE", () => {
    const version = schemaVersion(db);
    const adopting = version === 0 && setPythonTableAside(db);
    db.exec("CREATE TABLE IF NOT EXISTS lyftr_migrations (version INTEGER PRIMARY KEY, name TEXT NOT NULL)");
    const record = db.prepare("INSERT INTO lyftr_migrations (version, name) VALUES (?, ?)");
    const applied: string[] = [];
    for (const migration of pendingMigrations(migrations, version)) {
      db.exec(migration.sql);
      record.run(migration.version, migration.name);
      applied.push(migration.name);
    }
    return adopting ? { applied, adoptedRows: adoptPythonRows(db, report) } : { applied };
  });
}

/** Rejects a database that {@link upgrade} would change. */
export function requireCurrentSchema(db: DatabaseSync): void {
  refusePending(known(), schemaVersion(db));
}

function known(): readonly Migration[] {
  return readMigrations(new URL("./migrations/", import.meta.url));
}

function schemaVersion(db: DatabaseSync): number {
  if (!tableExists(db, "lyftr_migrations")) return 0;
  return Number(db.prepare("SELECT coalesce(max(version), 0) AS version FROM lyftr_migrations").get()?.version);
}

function tableExists(db: DatabaseSync, name: string): boolean {
  return db.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?").get(name) !== undefined;
}

/** Renames an existing `messages` table of the Python service; false when there is none. */
function setPythonTableAside(db: DatabaseSync): boolean {
  if (!tableExists(db, "messages")) return false;
  const columns = db
    .prepare("SELECT name FROM pragma_table_info('messages')")
    .all()
    .map((row) => String(row.name));
  const missing = PYTHON_COLUMNS.filter((name) => !columns.includes(name));
  if (missing.length > 0) {
    throw new StoreRefused(
      `its table "messages" is not one of the Python service, ${missing.join(", ")} missing: name another file in DATABASE_URL`,
    );
  }
  db.exec("ALTER TABLE messages RENAME TO python_messages");
  return true;
}

/** Copies every row as it is. Ids were unique there, so none can be lost to the key here. */
function adoptPythonRows(db: DatabaseSync, report: (progress: string) => void): number {
  db.function("instant_of", { deterministic: true }, (ts) => instantOf(String(ts)));
  const numberOf = (sql: string) => Number(Object.values(db.prepare(sql).get() ?? {})[0] ?? 0);
  const total = numberOf("SELECT count(*) FROM python_messages");
  const last = numberOf("SELECT max(rowid) FROM python_messages");
  const copy = db.prepare(
    `INSERT INTO lyftr_messages (source, message_id, from_msisdn, to_msisdn, ts, instant, text, created_at)
     SELECT 'native', message_id, from_msisdn, to_msisdn, ts, instant_of(ts), text, created_at FROM python_messages
     WHERE rowid > ? AND rowid <= ?`,
  );
  let copied = 0;
  for (let rowid = numberOf("SELECT min(rowid) FROM python_messages") - 1; rowid < last; rowid += ADOPTED_PER_STEP) {
    copied += Number(copy.run(rowid, rowid + ADOPTED_PER_STEP).changes);
    if (total > ADOPTED_PER_STEP) report(`took over ${copied} of ${total} messages of the Python service`);
  }
  // Its pages become free ones, which shall hold none of the messages.
  db.exec("PRAGMA secure_delete = ON; DROP TABLE python_messages; PRAGMA secure_delete = FAST");
  return copied;
}

import type { DatabaseSync } from "node:sqlite";
import { type Migration, pendingMigrations, readMigrations, refusePending } from "../migrate.ts";
import { transaction } from "./connection.ts";
import { respellCreatedAt } from "./takeover/created-at.ts";
import { refuseTakenNames } from "./takeover/name-conflicts.ts";
import {
  findOldTable,
  freedNames,
  KEPT_NAME,
  type OldTable,
  refuseBrokenViews,
} from "./takeover/old-table.ts";
import { setOldTableAside, takeOver } from "./takeover/take-over.ts";
import { refuseUnusableRows } from "./takeover/unusable-rows.ts";

/**
 * The result of an upgrade: the applied migrations, and what else the operator must know, a
 * sentence each.
 */
export interface Upgrade {
  readonly applied: readonly string[];
  readonly notes: readonly string[];
}

/** From this schema version on, every created_at is spelled as {@link parseReceivedAt} does. */
const ONE_SPELLING_SINCE = 6;

/**
 * Brings the schema up to date in one transaction, so that a process killed half way leaves the
 * database as it was. The lock of the transaction serializes starting processes. A current database
 * is not locked at all.
 */
export function upgrade(db: DatabaseSync, report: (progress: string) => void): Upgrade {
  const migrations = knownMigrations();
  if (pendingMigrations(migrations, schemaVersion(db)).length === 0)
    return { applied: [], notes: [] };
  try {
    return transaction(db, "BEGIN IMMEDIATE", () => upgradeLocked(db, migrations, report));
  } finally {
    db.exec("PRAGMA legacy_alter_table = OFF");
  }
}

function upgradeLocked(
  db: DatabaseSync,
  migrations: readonly Migration[],
  report: (progress: string) => void,
): Upgrade {
  const version = schemaVersion(db);
  const old = refuseUnfit(db, migrations, version);
  if (old !== undefined) setOldTableAside(db, old);
  // A broken view or trigger of another program would otherwise prevent renaming a table.
  if (version === 0) db.exec("PRAGMA legacy_alter_table = ON");
  db.exec(
    "CREATE TABLE IF NOT EXISTS lyftr_migrations (version INTEGER PRIMARY KEY, name TEXT NOT NULL)",
  );
  const record = db.prepare("INSERT INTO lyftr_migrations (version, name) VALUES (?, ?)");
  const applied: string[] = [];
  for (const migration of pendingMigrations(migrations, version)) {
    db.exec(migration.sql);
    record.run(migration.version, migration.name);
    applied.push(migration.name);
  }
  if (old !== undefined) return { applied, notes: takeOver(db, old, report) };
  return {
    applied,
    notes: version > 0 && version < ONE_SPELLING_SINCE ? respellCreatedAt(db) : [],
  };
}

/**
 * Rejects what an upgrade from `version` could not do, or would have to leave out. Returns the
 * table of the older service, if there is one.
 */
function refuseUnfit(
  db: DatabaseSync,
  migrations: readonly Migration[],
  version: number,
): OldTable | undefined {
  const old = version === 0 ? findOldTable(db) : undefined;
  const free = old === undefined ? [] : freedNames(old);
  refuseTakenNames(db, migrations, {
    version,
    free,
    alsoNeeded: old === undefined ? [] : [KEPT_NAME],
  });
  if (old === undefined) return undefined;
  refuseBrokenViews(db, old);
  refuseUnusableRows(db, old);
  return old;
}

/** Rejects what {@link upgrade} would reject, and changes nothing. */
export function requireUpgradable(db: DatabaseSync): void {
  const migrations = knownMigrations();
  const version = schemaVersion(db);
  if (pendingMigrations(migrations, version).length > 0) refuseUnfit(db, migrations, version);
}

/** Rejects a schema that {@link upgrade} would change. */
export function requireCurrentSchema(version: number): void {
  refusePending(knownMigrations(), version);
}

/** Rejects the schema of a newer version. */
export function refuseNewerSchema(version: number): void {
  pendingMigrations(knownMigrations(), version);
}

function knownMigrations(): readonly Migration[] {
  return readMigrations(new URL("./migrations/", import.meta.url));
}

/** 0 for a database without the tables of Lyftr. */
export function schemaVersion(db: DatabaseSync): number {
  if (!tableExists(db, "lyftr_migrations")) return 0;
  return Number(
    db.prepare("SELECT coalesce(max(version), 0) AS version FROM lyftr_migrations").get()?.version,
  );
}

function tableExists(db: DatabaseSync, name: string): boolean {
  return (
    db.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?").get(name) !==
    undefined
  );
}

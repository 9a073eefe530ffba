import { statSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { StoreDamaged, StoreRefused } from "../../domain/errors.ts";
import { BUSY_TIMEOUT_MS, toStoreError } from "./connection.ts";
import { readHeader } from "./file-header.ts";
import { refuseLeftBehind } from "./left-behind.ts";
import { RecoveryNeeded, readUnchanged } from "./read-unchanged.ts";
import { findOldTable } from "./takeover/old-table.ts";
import {
  refuseNewerSchema,
  requireCurrentSchema,
  requireUpgradable,
  schemaVersion,
} from "./upgrade.ts";

/**
 * The content of a file. `python` is a database of the older service, which an upgrade takes over.
 */
export type Contents =
  | { readonly kind: "missing" | "empty" | "python" | "not_sqlite" }
  | { readonly kind: "ours"; readonly version: number }
  | {
      readonly kind: "foreign";
      readonly tables: readonly string[];
      /** Why an existing table `messages` cannot be taken over. */
      readonly reason?: string;
    };

const TABLES_NAMED_MAX = 5;
const PRIMARY_CODE = 0xff;
const NOTADB = 26;

/** Examines a file without changing it. Rejects as the store does when it cannot be read. */
export async function contentsOf(path: string): Promise<Contents> {
  refuseLeftBehind(path);
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return { kind: "missing" };
  if (!stat.isFile()) throw new StoreRefused(`${path} is not a file: name a file in DATABASE_URL`);
  // SQLite would treat a few bytes as the beginning of an empty database.
  if (stat.size > 0 && readHeader(path) === undefined) return { kind: "not_sqlite" };
  try {
    return await readUnchanged(path, contentsIn);
  } catch (error) {
    if (error instanceof StoreDamaged && isNotSqlite(error)) return { kind: "not_sqlite" };
    throw error;
  }
}

function isNotSqlite({ cause }: StoreDamaged): boolean {
  const code = (cause as { readonly errcode?: unknown } | undefined)?.errcode;
  return typeof code === "number" && (code & PRIMARY_CODE) === NOTADB;
}

/**
 * Rejects with `StoreRefused` unless the file is a database of Lyftr with the current schema. It
 * changes nothing.
 */
export async function requireOurs(path: string): Promise<void> {
  const contents = await contentsOf(path);
  if (contents.kind === "ours") return requireCurrentSchema(contents.version);
  throw new StoreRefused(`${path} ${whatItIs(contents)}`);
}

/**
 * Rejects with `StoreRefused` unless the file can be backed up: a database of this version of
 * Lyftr, of an older one, or of the older service. It changes nothing.
 */
export async function requireKnown(path: string): Promise<void> {
  const contents = await contentsOf(path);
  if (contents.kind === "ours") refuseNewerSchema(contents.version);
  else if (contents.kind !== "python") throw new StoreRefused(`${path} ${whatItIs(contents)}`);
}

/**
 * The same as {@link requireOurs} for a file that may be damaged: what the damage hides is not
 * required.
 */
export async function requireOursUnlessDamaged(path: string): Promise<void> {
  try {
    const contents = await contentsOf(path);
    // Without its table of migrations it looks like a database of another program.
    if (contents.kind === "foreign" && contents.tables.includes("lyftr_messages")) return;
    if (contents.kind === "ours") requireCurrentSchema(contents.version);
    else throw new StoreRefused(`${path} ${whatItIs(contents)}`);
  } catch (error) {
    if (!(error instanceof StoreDamaged)) throw error;
  }
}

/**
 * Rejects with `StoreRefused` unless a start may create the file, upgrade it or take it over. With
 * `migrate` false the schema must be current. A refusal changes nothing, with one exception: SQLite
 * first recovers what a killed program left incomplete, because it cannot read the file without
 * that.
 */
export async function requireCreatable(
  path: string,
  {
    migrate,
    newDatabaseError,
  }: { readonly migrate: boolean; readonly newDatabaseError?: Error | undefined },
): Promise<void> {
  const contents = await contentsForStart(path);
  const isNew = ["missing", "empty", "python"].includes(contents.kind);
  if (isNew && newDatabaseError !== undefined) throw newDatabaseError;
  switch (contents.kind) {
    case "ours":
    case "python":
      if (!migrate) requireCurrentSchema(contents.kind === "ours" ? contents.version : 0);
      await readUnchanged(path, requireUpgradable).catch(unlessRecoveryIsNeeded);
      return;
    case "missing":
    case "empty":
      if (!migrate) requireCurrentSchema(0);
      return;
    case "not_sqlite":
    case "foreign":
      throw new StoreRefused(`${path} ${whatItIs(contents)}`);
  }
}

async function contentsForStart(path: string): Promise<Contents> {
  try {
    return await contentsOf(path);
  } catch (error) {
    if (!(error instanceof RecoveryNeeded)) throw error;
    return contentsByRecovery(path);
  }
}

/** In that case the start examines the file once SQLite has recovered it. */
function unlessRecoveryIsNeeded(error: unknown): void {
  if (!(error instanceof RecoveryNeeded)) throw error;
}

function contentsByRecovery(path: string): Contents {
  try {
    const db = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
    try {
      return contentsIn(db);
    } finally {
      db.close();
    }
  } catch (error) {
    throw toStoreError(error);
  }
}

/** The content of a database, by its tables. */
export function contentsIn(db: DatabaseSync): Contents {
  const version = schemaVersion(db);
  if (version > 0) return { kind: "ours", version };
  const tables = db
    .prepare("SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') ORDER BY name")
    .all()
    .map(({ name }) => String(name))
    .filter((name) => !name.startsWith("sqlite_"));
  if (tables.length === 0) return { kind: "empty" };
  try {
    return findOldTable(db) === undefined ? { kind: "foreign", tables } : { kind: "python" };
  } catch (error) {
    if (!(error instanceof StoreRefused)) throw error;
    return { kind: "foreign", tables, reason: error.message };
  }
}

function whatItIs(contents: Exclude<Contents, { readonly kind: "ours" }>): string {
  switch (contents.kind) {
    case "missing":
      return "does not exist: lyftr migrate creates it, and so does a start of the service";
    case "empty":
      return "is empty: lyftr migrate creates the tables, and so does a start of the service";
    case "python":
      return (
        "is a database of the older service: stop that service, then run lyftr migrate, " +
        "which takes its messages over"
      );
    case "not_sqlite":
      return "is not a SQLite database, or its first page is damaged: name another file in DATABASE_URL, or restore a backup";
    case "foreign":
      return contents.reason === undefined
        ? `belongs to another program (${named(contents.tables)}): name another file in DATABASE_URL`
        : `cannot be used: ${contents.reason}`;
  }
}

function named(tables: readonly string[]): string {
  const shown = tables.slice(0, TABLES_NAMED_MAX).join(", ");
  return `it has ${tables.length === 1 ? "the table" : "the tables"} ${shown}${tables.length > TABLES_NAMED_MAX ? ", …" : ""}`;
}

import type { DatabaseSync } from "node:sqlite";
import { StoreBroken } from "../../domain/errors.ts";
import { openWriter, toStoreError } from "./connection.ts";
import { readHeader } from "./file-header.ts";
import { makeFiles } from "./made-files.ts";
import { requireCurrentSchema, schemaVersion, type Upgrade, upgrade } from "./upgrade.ts";

export interface OpenUpgradedOptions {
  /** False: a database whose schema is not up to date is refused instead of made or upgraded. */
  readonly migrate: boolean;
  /** Told how a long upgrade goes. */
  readonly report: (progress: string) => void;
}

/**
 * Opens the database at `path` to write, makes it when it is missing, and brings its schema up to date.
 * What can be seen without opening it to write was looked at before
 * ({@link requireCreatable}). When it is refused all the same, its files, their journal mode and their folder are as they were before.
 */
export function openUpgraded(
  path: string,
  { migrate, report }: OpenUpgradedOptions,
): { readonly db: DatabaseSync; readonly upgraded: Upgrade } {
  const undo = makeFiles(path);
  const before = readHeader(path);
  let db: DatabaseSync | undefined;
  try {
    db = openWriter(path);
    if (!migrate) requireCurrentSchema(schemaVersion(db));
    return { db, upgraded: upgrade(db, report) };
  } catch (error) {
    // After a failed write or fsync nothing more may be written, and closing writes.
    if (toStoreError(error) instanceof StoreBroken) throw error;
    if (db !== undefined) closeAsBefore(db, before?.isWal ?? true);
    undo();
    throw error;
  }
}

function closeAsBefore(db: DatabaseSync, wasWal: boolean): void {
  try {
    if (!wasWal) db.exec("PRAGMA journal_mode = DELETE");
  } catch {
    // Another program is using the database: it goes on with the write-ahead log.
  }
  db.close();
}

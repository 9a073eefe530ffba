import type { DatabaseSync } from "node:sqlite";
import { StoreBroken } from "../../domain/errors.ts";
import { openWriter, toStoreError } from "./connection.ts";
import { createFiles } from "./create-files.ts";
import { readHeader } from "./file-header.ts";
import { requireCurrentSchema, schemaVersion, type Upgrade, upgrade } from "./upgrade.ts";

export interface OpenUpgradedOptions {
  /** False: a database whose schema is not current is refused instead of created or upgraded. */
  readonly migrate: boolean;
  /** Called with the progress of a long upgrade. */
  readonly report: (progress: string) => void;
}

/**
 * Opens the database at `path` for writing, creates it if it is missing, and brings its schema up
 * to date. {@link requireCreatable} has already checked what can be checked without writing. If the
 * database is refused here, its files, their journal mode and their folder are as before.
 */
export function openUpgraded(
  path: string,
  { migrate, report }: OpenUpgradedOptions,
): { readonly db: DatabaseSync; readonly upgraded: Upgrade } {
  const undo = createFiles(path);
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
    // Another program is using the database and continues with the write-ahead log.
  }
  db.close();
}

import { closeSync, fsyncSync, openSync, renameSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { backup, DatabaseSync } from "node:sqlite";
import { StoreRefused } from "../../domain/errors.ts";
import { toStoreError } from "./connection.ts";
import { readUnchanged } from "./read-unchanged.ts";

/** 8 MiB of the usual 4 KiB pages: long enough steps to be fast, short enough to show that it moves. */
const PAGES_PER_STEP = 2_048;

export interface BackupOptions {
  /** Told after each step. */
  readonly progress: (pagesDone: number, pagesTotal: number) => void;
}

/**
 * Copies the database at `path` to `target` while others write to it: the state of one moment, checked and on disk when this
 * resolves. What stood at `target` before is replaced at the end, in one step. Rejects as the store does.
 */
export async function backUp(path: string, target: string, { progress }: BackupOptions): Promise<void> {
  const partial = `${target}.partial-${process.pid}`;
  // Nothing half done is left behind, whatever ends this process in order.
  const tidy = () => {
    for (const suffix of ["", "-journal", "-wal", "-shm"]) rmSync(partial + suffix, { force: true });
  };
  process.once("exit", tidy);
  try {
    await copy(path, partial, progress);
    check(partial);
    fsync(partial);
    renameSync(partial, target);
    fsync(dirname(target));
  } catch (error) {
    tidy();
    throw toStoreError(error);
  } finally {
    process.off("exit", tidy);
  }
}

async function copy(path: string, partial: string, progress: BackupOptions["progress"]): Promise<void> {
  await readUnchanged(path, async (db) => {
    // What people wrote is for the owner's eyes only, here as in the database.
    rmSync(partial, { force: true });
    closeSync(openSync(partial, "wx", 0o600));
    // SQLite starts a copy again whenever another process has written between two steps, under a busy service for ever. A read
    // transaction of the source's own pins the state that is copied.
    db.exec("BEGIN");
    db.prepare("SELECT count(*) FROM sqlite_schema").get();
    await backup(db, partial, {
      rate: PAGES_PER_STEP,
      progress: ({ totalPages, remainingPages }) => progress(totalPages - remainingPages, totalPages),
    });
  });
}

/** Reads the copy from end to end, and leaves it as one file that needs no others beside it. */
function check(partial: string): void {
  const db = new DatabaseSync(partial);
  try {
    db.exec("PRAGMA journal_mode = DELETE");
    requireIntegrity(db, "the copy is damaged, and so may be the original");
  } finally {
    db.close();
  }
}

/** Reads the database completely. Throws `StoreRefused` with `problem` and the first damage. */
export function requireIntegrity(db: DatabaseSync, problem: string): void {
  const [first] = db.prepare("PRAGMA integrity_check(1)").all();
  const result = Object.values(first ?? {})[0];
  if (result !== "ok") throw new StoreRefused(`${problem}: ${result}`);
}

export function fsync(path: string): void {
  const file = openSync(path, "r");
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

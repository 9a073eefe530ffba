import { closeSync, openSync, renameSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { backup, DatabaseSync } from "node:sqlite";
import { StoreRefused } from "../../domain/errors.ts";
import { toStoreError } from "./connection.ts";
import { fsync } from "./fsync.ts";
import { readUnchanged } from "./read-unchanged.ts";

/** 8 MiB with the usual pages of 4 KiB: large enough to be fast, small enough to show progress. */
const PAGES_PER_STEP = 2_048;

export interface BackupOptions {
  /** Called after each step. */
  readonly progress: (pagesDone: number, pagesTotal: number) => void;
}

/**
 * Copies the database at `path` to `target` while other connections write to it. The copy has the
 * state of one moment, and is checked and on disk when this resolves. An existing `target` is
 * replaced at the end, in one step. Rejects as the store does.
 */
export async function backUp(
  path: string,
  target: string,
  { progress }: BackupOptions,
): Promise<void> {
  const partial = `${target}.partial-${process.pid}`;
  // No partial file is left behind when this process ends normally.
  const tidy = () => {
    for (const suffix of ["", "-journal", "-wal", "-shm"])
      rmSync(partial + suffix, { force: true });
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

async function copy(
  path: string,
  partial: string,
  progress: BackupOptions["progress"],
): Promise<void> {
  await readUnchanged(path, async (db) => {
    // Only the owner may read the messages, here as in the database.
    rmSync(partial, { force: true });
    closeSync(openSync(partial, "wx", 0o600));
    // SQLite restarts a copy whenever another process has written between two steps, and so would
    // never finish beside a busy service. A read transaction of its own keeps the state that is
    // copied.
    db.exec("BEGIN");
    db.prepare("SELECT count(*) FROM sqlite_schema").get();
    await backup(db, partial, {
      rate: PAGES_PER_STEP,
      progress: ({ totalPages, remainingPages }) =>
        progress(totalPages - remainingPages, totalPages),
    });
  });
}

/** Reads the copy from end to end, and leaves it as a single file. */
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

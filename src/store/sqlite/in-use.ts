import { linkSync, readFileSync, rmSync, statSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { StoreRefused } from "../../domain/errors.ts";
import { readHeader } from "./file-header.ts";

const BUSY = 5;
const PRIMARY_CODE = 0xff;

/**
 * Throws `StoreRefused` when a process has the database at `path` open. It changes no file of the
 * database.
 */
export function refuseInUse(path: string): void {
  const stat = statSync(path, { throwIfNoEntry: false });
  const process = lockHolder([path, `${path}-shm`]);
  if (process !== undefined)
    throw new StoreRefused(`process ${process} uses ${path}: stop the service first`);
  if (stat === undefined || stat.size === 0) return;
  if (isLocked(path)) throw new StoreRefused(`a process uses ${path}: stop the service first`);
}

/**
 * The process that has a lock on one of the files, as Linux lists them. It sees processes of this
 * container only.
 */
function lockHolder(paths: readonly string[]): string | undefined {
  let locks: string;
  try {
    locks = readFileSync("/proc/locks", "utf8");
  } catch {
    return undefined;
  }
  const files = paths.map(fileId).filter((id) => id !== undefined);
  for (const line of locks.split("\n")) {
    // 1: POSIX  ADVISORY  READ 1234 fd:01:393229 1073741826 1073742335
    const [, , , , pid, file = ""] = line.trim().split(/\s+/);
    if (pid !== `${globalThis.process.pid}` && files.includes(file)) return pid;
  }
  return undefined;
}

function fileId(path: string): string | undefined {
  const stat = statSync(path, { throwIfNoEntry: false, bigint: true });
  if (stat === undefined) return undefined;
  // As makedev() of glibc joins them.
  const major = ((stat.dev >> 8n) & 0xfffn) | ((stat.dev >> 32n) & ~0xfffn);
  const minor = (stat.dev & 0xffn) | ((stat.dev >> 12n) & ~0xffn);
  const hex = (part: bigint) => part.toString(16).padStart(2, "0");
  return `${hex(major)}:${hex(minor)}:${stat.ino}`;
}

/**
 * Whether another connection has a lock of SQLite on the file. It is opened by another name, so
 * that SQLite does not touch the files beside it.
 */
function isLocked(path: string): boolean {
  if (readHeader(path) === undefined) return false;
  const name = `${path}.lock-check-${globalThis.process.pid}`;
  try {
    linkSync(path, name);
  } catch {
    // No hard links here. The list of locks has been read.
    return false;
  }
  try {
    const db = new DatabaseSync(name, { timeout: 0 });
    try {
      db.exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; ROLLBACK");
    } finally {
      db.close();
    }
    return false;
  } catch (error) {
    // A damaged database is not read far enough to be locked.
    return ((error as { readonly errcode?: number }).errcode ?? 0) % (PRIMARY_CODE + 1) === BUSY;
  } finally {
    for (const suffix of ["", "-wal", "-shm", "-journal"]) rmSync(name + suffix, { force: true });
  }
}

import { realpathSync, statSync } from "node:fs";
import { StoreRefused } from "../../domain/errors.ts";
import { readHeader, readStart } from "./file-header.ts";
import { type CommittedWal, readWal } from "./wal-file.ts";

/** The page with this byte is never written: SQLite locks it instead. */
const PENDING_BYTE = 0x40000000;
/** The header of a rollback journal: https://sqlite.org/fileformat2.html#the_rollback_journal. */
const JOURNAL_HEADER_BYTES = 28;
const JOURNAL_MAGIC = 0xd9d505f9;
const DATABASE_PAGES_AT = 16;
const ATTEMPTS_MAX = 5;
const SUFFIXES = ["-wal", "-journal", "-index", "-index-wal"];

/**
 * Rejects a database file that does not match the files beside it. It may be missing or empty while
 * they contain data. Or it is a backup beside the write-ahead log of another database. SQLite would
 * delete such a log in the first case, and mix both in the second.
 */
export function refuseLeftBehind(path: string): void {
  const real = realPath(path);
  const size = sizeOf(real);
  if (size === 0) refuseMissing(path, real);
  else refuseForeignWal(path, real);
}

function refuseMissing(path: string, real: string): void {
  const files = SUFFIXES.map(
    (suffix) => (suffix.startsWith("-index") ? path : real) + suffix,
  ).filter((file) => (file.endsWith("-journal") ? journalHoldsPages(file) : sizeOf(file) > 0));
  if (files.length === 0) return;
  const what = statSync(real, { throwIfNoEntry: false }) === undefined ? "is missing" : "is empty";
  throw new StoreRefused(
    `${path} ${what}, but ${files.join(" and ")} ${files.length === 1 ? "holds" : "hold"} data of a database that was there. ` +
      "A start would create an empty database and destroy that data. Put the database file back where it was; " +
      `if you restore a backup, or want to start empty, move ${files.length === 1 ? "this file" : "these files"} away first`,
  );
}

function refuseForeignWal(path: string, real: string): void {
  const wal = `${real}-wal`;
  for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
    const before = `${stateOf(real)} ${stateOf(wal)}`;
    const { committed, damagedAt } = readWal(wal);
    const reason = committed === undefined ? undefined : mismatch(real, committed);
    if (reason === undefined && damagedAt === undefined) return;
    // A running service writes to both files, so what was read of them may not match.
    if (`${stateOf(real)} ${stateOf(wal)}` !== before) continue;
    if (reason === undefined) throw new StoreRefused(damagedLog(path, wal, damagedAt));
    throw new StoreRefused(
      `${wal} is not the write-ahead log of ${path}: ${reason}. SQLite would mix both and damage the database. ` +
        `If ${path} was restored from a backup, move ${wal} and ${real}-shm away, then start again; ` +
        "if not, put the previous database file back",
    );
  }
}

function damagedLog(path: string, wal: string, damagedAt = 0): string {
  return (
    `${wal} is damaged at byte ${damagedAt}, and more was committed after that. A start would lose it silently. ` +
    `Keep a copy of ${path} and ${wal}. Then restore a sound backup, or continue without the data after the damage: ` +
    `sqlite3 ${path} 'PRAGMA wal_checkpoint(TRUNCATE)'`
  );
}

function mismatch(
  path: string,
  { pageBytes, pages, databasePages }: CommittedWal,
): string | undefined {
  const header = readHeader(path);
  if (header === undefined) return undefined;
  // The header is written before the first entry of a log, and changed back when the log has been
  // deleted.
  if (!header.isWal) return "the database file was last used without one";
  if (header.pageBytes !== pageBytes) return "its pages have another size";
  const pendingPage = PENDING_BYTE / pageBytes + 1;
  for (let page = Math.floor(sizeOf(path) / pageBytes) + 1; page <= databasePages; page++) {
    if (!pages.has(page) && page !== pendingPage)
      return "some pages are in neither of the two files";
  }
  return undefined;
}

/**
 * Whether a rollback journal contains pages of a database. The journal of a database that was just
 * being created contains none.
 */
export function journalHoldsPages(path: string): boolean {
  if (sizeOf(path) < JOURNAL_HEADER_BYTES) return false;
  const header = readStart(path, JOURNAL_HEADER_BYTES);
  return header.readUInt32BE(0) === JOURNAL_MAGIC && header.readUInt32BE(DATABASE_PAGES_AT) > 0;
}

/** SQLite puts its files beside the real file. The read index is beside the given name. */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

function stateOf(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false, bigint: true });
  return stat === undefined ? "" : `${stat.ino} ${stat.size} ${stat.mtimeNs}`;
}

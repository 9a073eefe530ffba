import { DatabaseSync } from "node:sqlite";
import { StoreBroken, StoreDamaged, StoreRefused, StoreUnavailable } from "../../domain/errors.ts";
import { isDiskFull } from "./disk-full.ts";
import type { Statements } from "./statements.ts";

/** How long a statement waits for another process's lock before the caller gets 503. */
export const BUSY_TIMEOUT_MS = 2_000;
export const CACHE_KIB = 8_192;
/** Several readers share the cache of the operating system, so each needs little of its own. */
const READER_CACHE_KIB = 4_096;
/**
 * 16 MiB of write-ahead log between checkpoints, so that a page that many messages change is copied
 * into the file once.
 */
const CHECKPOINT_PAGES = 4_000;
/**
 * If readers prevent the log from restarting, a checkpoint is worth its fsyncs for this many pages.
 */
const CHECKPOINT_PAGES_MIN = 500;
/**
 * Keeps connections from the garbage collector: collecting one closes it, and a close runs a
 * checkpoint. See forbid-closing.ts.
 */
const opened: DatabaseSync[] = [];
/** Before this version, two connections could corrupt a WAL when it was reset. */
const VERSION_MIN = [3, 51, 3];

/**
 * A connection that may write. WAL and `synchronous=FULL` are set on every open and read back. Some
 * builds of SQLite silently turn FULL into NORMAL in WAL mode, and then an acknowledged message
 * would not be on disk.
 */
export function openWriter(path: string): DatabaseSync {
  refuseOldSqlite();
  const db = openWithoutCheckpoints(path);
  // Only a new file can be enabled to return space. The statement writes, and an existing file may
  // be on a full disk.
  if (pragma(db, "page_count") === 0) db.exec("PRAGMA auto_vacuum = INCREMENTAL");
  // Deleted content is overwritten in every page that is written anyway.
  db.exec(`PRAGMA secure_delete = FAST;
    PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -${CACHE_KIB}`);
  const journal = pragma(db, "journal_mode");
  const synchronous = pragma(db, "synchronous");
  if (journal !== "wal" || synchronous !== 2) {
    db.close();
    throw new StoreRefused(
      `SQLite answers journal_mode=${journal} and synchronous=${synchronous} instead of wal and 2 (FULL): messages would not be safe`,
    );
  }
  return db;
}

/**
 * A connection that may write, without SQLite's automatic checkpoints. Those run within commits and
 * ignore errors: after a failed fsync SQLite would continue as if nothing had happened. {@link
 * checkpoint} runs them instead.
 */
export function openWithoutCheckpoints(path: string): DatabaseSync {
  const db = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
  opened.push(db);
  db.exec("PRAGMA wal_autocheckpoint = 0");
  return db;
}

/**
 * A connection that only reads; writers never make it wait. `first` is SQL that runs before the
 * file is read.
 */
export function openReader(path: string, first = ""): DatabaseSync {
  const db = new DatabaseSync(path, { readOnly: true, timeout: BUSY_TIMEOUT_MS });
  db.exec(`${first}; PRAGMA cache_size = -${READER_CACHE_KIB}`);
  return db;
}

/** A file of a connection, by its name in SQL. */
export type Schema = "main" | "read_index";

/** Copies a long write-ahead log into its database file. Throws the error of the disk. */
export function checkpoint(statements: Statements, schema: Schema): void {
  const { log, checkpointed } = walPages(statements, schema, "NOOP");
  if (log < CHECKPOINT_PAGES || log - checkpointed < CHECKPOINT_PAGES_MIN) return;
  // PASSIVE waits for neither readers nor writers.
  walPages(statements, schema, "PASSIVE");
}

type WalPages = Readonly<Record<"busy" | "log" | "checkpointed", number>>;

function walPages(statements: Statements, schema: Schema, mode: "NOOP" | "PASSIVE"): WalPages {
  const nothing = { busy: 0, log: 0, checkpointed: 0 };
  return statements.get<WalPages>(`PRAGMA ${schema}.wal_checkpoint(${mode})`) ?? nothing;
}

/** How long truncating a log waits for readers. Writers wait during that time. */
const TRUNCATE_WAIT_MS = 50;

/**
 * Copies the whole write-ahead log of a database into its file and truncates it, unless a long read
 * prevents it. SQLite's own checkpoints never reach the end of a log that is read and written all
 * the time, so it would keep growing. Returns whether it was truncated.
 */
export function truncateWal(db: DatabaseSync, schema: Schema): boolean {
  db.exec(`PRAGMA busy_timeout = ${TRUNCATE_WAIT_MS}`);
  try {
    const [row] = db.prepare(`PRAGMA ${schema}.wal_checkpoint(TRUNCATE)`).all();
    return row?.busy === 0;
  } finally {
    db.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`);
  }
}

function pragma(db: DatabaseSync, name: string): unknown {
  return Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {})[0];
}

function refuseOldSqlite(): void {
  const parts = (process.versions.sqlite ?? "0.0.0").split(".").map(Number);
  const older =
    VERSION_MIN.map((part, index) => (parts[index] ?? 0) - part).find(
      (difference) => difference !== 0,
    ) ?? 0;
  if (older < 0)
    throw new StoreRefused(
      `SQLite ${parts.join(".")} is older than ${VERSION_MIN.join(".")}; use a newer Node.js`,
    );
}

/** Runs `work` in one transaction. */
export function transaction<T>(
  db: DatabaseSync,
  begin: "BEGIN" | "BEGIN IMMEDIATE",
  work: () => T,
): T {
  db.exec(begin);
  try {
    const result = work();
    db.exec("COMMIT");
    return result;
  } catch (error) {
    // A full disk or an I/O error may already have rolled back.
    if (db.isTransaction) db.exec("ROLLBACK");
    throw error;
  }
}

const HELD =
  "Another program has locked it: stop that program (an older service, a sqlite3 shell, an import), or wait until it is done";
const PRIMARY_CODE = 0xff;
const ERROR = 1;
const BUSY = 5;
const LOCKED = 6;
const READONLY = 8;
const IOERR = 10;
const CORRUPT = 11;
const FULL = 13;
const CANTOPEN = 14;
const NOTADB = 26;
/**
 * Temporary I/O errors: the shared memory of the WAL could not grow, or there is no folder for
 * sorting. The disk is full or closed, not damaged.
 */
const PASSING_IOERRS: readonly number[] = [4_874, 6_410];

/** A read failed or was short, or got EIO, ERANGE or ENXIO. */
const READ_IOERRS: readonly unknown[] = [266, 522, 8_458];

/** Whether the disk failed to read. What was written may still be intact. */
export function isReadError(error: unknown): boolean {
  return READ_IOERRS.includes((error as { errcode?: unknown }).errcode);
}

/** A failed fsync has lost data, for any cause. */
const FSYNC_IOERRS: readonly number[] = [1_034, 1_290];

/**
 * Whether the error may be that of a full disk. SQLite and its full-text search report it in
 * several ways.
 */
function mayBeFull(code: number): boolean {
  if (READ_IOERRS.includes(code) || FSYNC_IOERRS.includes(code)) return false;
  return [IOERR, FULL, CANTOPEN].includes(code & PRIMARY_CODE);
}

/**
 * Translates a failure of SQLite into an error of the store; see the `Store` interface. With
 * `path`, the path of the database, a full disk is distinguished from a failing one.
 */
export function toStoreError(error: unknown, path?: string): Error {
  const failure = error instanceof Error ? error : new Error(String(error));
  const { errcode: code, code: name } = failure as { errcode?: unknown; code?: unknown };
  // Lyftr never stores a number outside the safe range.
  if (name === "ERR_OUT_OF_RANGE")
    return new StoreDamaged("SQLite: a stored number is out of range", { cause: failure });
  if (typeof code !== "number") return failure;
  const options = { cause: failure };
  if (path !== undefined && mayBeFull(code) && isDiskFull(path)) {
    return new StoreUnavailable(
      `the disk is full, or its files may not grow (SQLite: ${failure.message})`,
      options,
    );
  }
  if (PASSING_IOERRS.includes(code))
    return new StoreUnavailable(`SQLite: ${failure.message}`, options);
  switch (code & PRIMARY_CODE) {
    case BUSY:
    case LOCKED:
      return new StoreUnavailable(`SQLite: ${failure.message}. ${HELD}`, options);
    case READONLY:
    case FULL:
    case CANTOPEN:
      return new StoreUnavailable(`SQLite: ${failure.message}`, options);
    case CORRUPT:
    case NOTADB:
      return new StoreDamaged(`SQLite: ${failure.message} (code ${code})`, options);
    case IOERR:
      return new StoreBroken(`SQLite: ${failure.message} (code ${code})`, options);
    case ERROR:
      // Another program has changed the schema. Readiness reports that too.
      return failure.message.startsWith("no such table")
        ? new StoreUnavailable(`SQLite: ${failure.message}`, options)
        : failure;
    default:
      return failure;
  }
}

import { existsSync, realpathSync, statSync } from "node:fs";
import { resolve } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { pathToFileURL } from "node:url";
import { StoreRefused, StoreUnavailable } from "../../domain/errors.ts";
import { openReader, toStoreError } from "./connection.ts";
import { readHeader } from "./file-header.ts";
import { hasDamagedHeader } from "./wal-file.ts";

/** A service that starts or stops during a read makes it start again. */
const TRIES_MAX = 5;
/**
 * The WAL is in use. A connection that must not write to its shared memory found no free slot in
 * it.
 */
const READONLY_CANTINIT = 1_288;
/** A rollback journal must be rolled back before the file can be read. */
const READONLY_ROLLBACK = 776;
/**
 * A WAL of this size contains no changes: https://sqlite.org/fileformat2.html#the_write_ahead_log.
 */
const WAL_HEADER_BYTES = 32;

/** Thrown when SQLite has to change the file before it can be read. */
export class RecoveryNeeded extends StoreRefused {}

/** A read-only connection, as a URI for SQLite. */
export interface ReadOnlyAccess {
  readonly path: string;
  readonly uri: string;
  /** Used instead of `uri` while a service has the file open. */
  readonly inUseUri: string;
  /** Locks and shared memory are not used: no other process has the file open. */
  readonly isAlone?: boolean;
  /** False when the file was changed in a way that this connection cannot notice. */
  readonly isStillRight: () => boolean;
}

/**
 * Runs `work` on a connection that changes nothing: not the database, not its journal mode, and no
 * file beside it. SQLite's own read-only connections create or rewrite `-wal` and `-shm`. A service
 * may run, start and stop on the database; `work` is run again if necessary. `index` is attached as
 * `read_index`. Rejects with the error of `toStoreError`.
 */
export async function readUnchanged<T>(
  path: string,
  work: (db: DatabaseSync) => T | Promise<T>,
  index?: string,
): Promise<T> {
  for (let tries = 1; tries <= TRIES_MAX; tries++) {
    const files = (index === undefined ? [path] : [path, index]).map(readOnlyAccess);
    const ended = await attempt(files, work);
    if (!files.every(({ isStillRight }) => isStillRight())) continue;
    if ("failure" in ended) throw toStoreError(ended.failure);
    return ended.result;
  }
  throw new StoreUnavailable(`${path} is opened and closed repeatedly by other programs`);
}

async function attempt<T>(
  files: readonly ReadOnlyAccess[],
  work: (db: DatabaseSync) => T | Promise<T>,
): Promise<{ readonly result: T } | { readonly failure: unknown }> {
  let db: DatabaseSync | undefined;
  try {
    db = connect(files);
    return { result: await work(db) };
  } catch (failure) {
    return { failure };
  } finally {
    db?.close();
  }
}

/** A connection to a database and, if wanted, its read index. */
export function connect(files: readonly ReadOnlyAccess[]): DatabaseSync {
  try {
    return open(
      files.map(({ uri }) => uri),
      files[0]?.isAlone,
    );
  } catch (error) {
    switch ((error as { errcode?: unknown }).errcode) {
      case READONLY_CANTINIT:
        return open(files.map(({ inUseUri }) => inUseUri));
      case READONLY_ROLLBACK:
        throw new RecoveryNeeded(
          `the -journal file beside ${files[0]?.path} says that a program was stopped in the middle of a change: ` +
            "start the service once, which rolls that change back",
        );
      default:
        throw error;
    }
  }
}

function open([main = "", index]: readonly string[], isAlone = false): DatabaseSync {
  // In this mode SQLite keeps the index of a WAL in memory and creates no -shm.
  const db = openReader(main, isAlone ? "PRAGMA main.locking_mode = EXCLUSIVE" : "");
  try {
    db.prepare("SELECT count(*) FROM main.sqlite_schema").get();
    if (index === undefined) return db;
    db.prepare("ATTACH ? AS read_index").run(index);
    db.prepare("SELECT count(*) FROM read_index.sqlite_schema").get();
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/**
 * How the file can be read now without changing it. Throws {@link RecoveryNeeded} if that is
 * impossible.
 */
export function readOnlyAccess(link: string, at = 0): ReadOnlyAccess {
  // SQLite puts its files beside the target of a symbolic link.
  const path = existsSync(link) ? realpathSync(link) : link;
  const url = pathToFileURL(resolve(path));
  const uri = (parameters: string) => `${url.href}?mode=ro${parameters}`;
  const [wal, shm] = [`${path}-wal`, `${path}-shm`];
  // Its first fsync failed, so nothing followed. SQLite would wait for ten seconds and report
  // "locking protocol".
  if (sizeOf(wal) === WAL_HEADER_BYTES) {
    const before = stateOf(path);
    const isStillRight = () => sizeOf(wal) === WAL_HEADER_BYTES && stateOf(path) === before;
    return { path, uri: uri("&immutable=1"), inUseUri: uri("&immutable=1"), isStillRight };
  }
  // SQLite would wait for ten seconds here too.
  if (hasDamagedHeader(wal)) {
    throw new RecoveryNeeded(
      `${wal} is damaged: start the service once. It rebuilds a damaged read index, and says what to do about a database`,
    );
  }
  // A service has it open, or a service was killed. SQLite then reads the WAL through a copy of its
  // index in memory.
  if (existsSync(wal) && existsSync(shm) && sizeOf(path) > 0) {
    return { path, uri: uri("&readonly_shm=1"), inUseUri: uri(""), isStillRight: () => true };
  }
  if (sizeOf(wal) > 0 && sizeOf(path) > 0) {
    if (at > 0)
      throw new RecoveryNeeded(
        `${shm} is missing beside ${wal}: start the service once, which creates it`,
      );
    const alone = uri("&vfs=unix-none");
    return {
      path,
      uri: alone,
      inUseUri: alone,
      isAlone: true,
      isStillRight: () => !existsSync(shm),
    };
  }
  if (!existsSync(wal) && (sizeOf(path) === 0 || readHeader(path)?.isWal !== true)) {
    return { path, uri: uri(""), inUseUri: uri(""), isStillRight: () => true };
  }
  const before = stateOf(path);
  return {
    path,
    // It takes no locks, so another program may write during a read. That is checked afterwards.
    uri: uri("&immutable=1"),
    inUseUri: uri("&immutable=1"),
    isStillRight: () => !existsSync(shm) && sizeOf(wal) === 0 && stateOf(path) === before,
  };
}

function stateOf(path: string): string {
  const { ino, size, mtimeNs } = statSync(path, { bigint: true });
  return `${ino} ${size} ${mtimeNs}`;
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

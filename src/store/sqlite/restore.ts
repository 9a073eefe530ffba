import {
  chmodSync,
  chownSync,
  constants,
  copyFileSync,
  existsSync,
  linkSync,
  realpathSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
} from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { pathToFileURL } from "node:url";
import { StoreRefused } from "../../domain/errors.ts";
import { requireIntegrity } from "./backup.ts";
import { toStoreError } from "./connection.ts";
import { contentsOf, requireKnown } from "./contents.ts";
import { createFolder, fsync } from "./fsync.ts";
import { refuseInUse } from "./in-use.ts";
import { journalHoldsPages } from "./left-behind.ts";

const OWNER_ONLY = 0o600;
/** Parts of a database besides its file. */
const LOGS = ["-wal", "-shm"];
/** Parts of the read index, which a start rebuilds. */
const INDEX = ["-index", "-index-wal", "-index-shm"];

/** A checked copy of a backup next to the database, which has not been replaced yet. */
export interface PreparedRestore {
  /** The number of messages in the backup. */
  readonly messages: number;
  readonly bytes: number;
  /** Whether there is a database that would be replaced. */
  readonly replaces: boolean;
  /** Replaces the database. Returns where the previous one is kept, if there was one. */
  commit(nowMs: number): string | undefined;
  /** Deletes the copy, unless it has become the database. */
  discard(): void;
}

/**
 * Copies the backup next to the database at `path` and checks the copy. The database is not changed
 * before `commit`. Rejects with `StoreRefused` when the file is not a sound backup, or when a
 * process uses the database.
 */
export async function prepareRestore(backup: string, path: string): Promise<PreparedRestore> {
  await requireKnown(backup);
  refuseLog(backup);
  const place = placeOf(path);
  refuseUnusable(place);
  await refuseForeign(path);
  const partial = `${place.real}.restoring-${process.pid}`;
  // No partial file is left behind when the process ends normally.
  const tidy = () => rmSync(partial, { force: true });
  process.once("exit", tidy);
  const discard = () => {
    tidy();
    process.off("exit", tidy);
  };
  try {
    createFolder(dirname(place.real));
    copyFileSync(backup, partial, constants.COPYFILE_FICLONE);
    const messages = checkCopy(partial);
    takeOwner(partial, statSync(place.real, { throwIfNoEntry: false }));
    fsync(partial);
    const { size } = statSync(partial);
    const replaces = existsSync(place.real);
    return {
      messages,
      bytes: size,
      replaces,
      discard,
      commit: (nowMs) => commit(place, partial, nowMs),
    };
  } catch (error) {
    discard();
    throw toStoreError(error);
  }
}

/** The two names of a database: the given one, and the target of symbolic links. */
interface Place {
  readonly given: string;
  readonly real: string;
}

function placeOf(path: string): Place {
  if (existsSync(path)) return { given: path, real: realpathSync(path) };
  const folder = dirname(resolve(path));
  return {
    given: path,
    real: join(existsSync(folder) ? realpathSync(folder) : folder, basename(path)),
  };
}

function refuseUnusable({ real }: Place): void {
  const stat = statSync(real, { throwIfNoEntry: false });
  if (stat !== undefined && !stat.isFile()) throw new StoreRefused(`${real} is not a file`);
  refuseInUse(real);
  if (journalHoldsPages(`${real}-journal`))
    throw new StoreRefused(
      `${real}-journal says that a program was stopped in the middle of a change, and it would be applied to the backup. ` +
        `Move ${real} and ${real}-journal away together, then try again`,
    );
}

/** A damaged database of Lyftr may be replaced; a database of another program may not. */
async function refuseForeign(path: string): Promise<void> {
  const contents = await contentsOf(path).catch(() => undefined);
  if (contents?.kind === "foreign")
    throw new StoreRefused(
      `${path} belongs to another program (it has the table ${contents.tables[0]})`,
    );
}

/**
 * A file with a write-ahead log is a database that was in use, and without its log it is not
 * complete.
 */
function refuseLog(backup: string): void {
  const wal = `${realpathSync(backup)}-wal`;
  if ((statSync(wal, { throwIfNoEntry: false })?.size ?? 0) > 0)
    throw new StoreRefused(
      `${backup} is not a backup: it has a write-ahead log, ${wal}. Make a backup of it with lyftr backup`,
    );
}

/** Reads the copy completely, as a file of its own. Returns the number of messages. */
function checkCopy(partial: string): number {
  const db = new DatabaseSync(`${pathToFileURL(resolve(partial)).href}?mode=ro&immutable=1`, {
    readOnly: true,
  });
  try {
    requireIntegrity(db, "the backup is damaged");
    const isOurs =
      db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'lyftr_messages'").get() !== undefined;
    const row = db
      .prepare(`SELECT count(*) AS messages FROM ${isOurs ? "lyftr_messages" : "messages"}`)
      .get();
    return Number(row?.messages);
  } finally {
    db.close();
  }
}

/** The service must be able to use the file: it gets the owner and the mode of the previous one. */
function takeOwner(partial: string, previous: Stats | undefined): void {
  chmodSync(partial, previous === undefined ? OWNER_ONLY : previous.mode & 0o777);
  const { uid, gid } = previous ?? statSync(dirname(partial));
  const now = statSync(partial);
  // Only root can change the owner of a file.
  if (process.getuid?.() === 0 && (now.uid !== uid || now.gid !== gid))
    chownSync(partial, uid, gid);
}

/**
 * After a kill at any point, a start finds the previous database or the backup, or it refuses:
 * `refuseLeftBehind` rejects a log of another database beside the backup.
 */
function commit({ given, real }: Place, partial: string, nowMs: number): string | undefined {
  refuseInUse(real);
  const hadDatabase = existsSync(real);
  const kept = `${real}.before-restore-${new Date(nowMs).toISOString().replaceAll(":", "-")}`;
  if (hadDatabase) for (const suffix of ["", ...LOGS]) keep(real + suffix, kept + suffix);
  renameSync(partial, real);
  fsync(dirname(real));
  for (const suffix of LOGS) rmSync(real + suffix, { force: true });
  for (const suffix of INDEX) rmSync(given + suffix, { force: true });
  fsync(dirname(real));
  return hadDatabase ? kept : undefined;
}

/** A second name for the file, or a copy where the file system has no hard links. */
function keep(path: string, kept: string): void {
  if (!existsSync(path)) return;
  try {
    linkSync(path, kept);
  } catch {
    copyFileSync(path, kept, constants.COPYFILE_EXCL);
    fsync(kept);
  }
}

import { accessSync, constants, statSync } from "node:fs";
import { dirname } from "node:path";
import { StoreRefused } from "../../domain/errors.ts";

const SUFFIXES = ["", "-wal", "-shm", "-journal", "-index", "-index-wal", "-index-shm"];

/** Rejects a database if this user may not write its files or their folder. It changes nothing. */
export function requireWritable(path: string): void {
  requireAccess(existingFolder(dirname(path)), constants.W_OK | constants.X_OK);
  for (const suffix of SUFFIXES) {
    const file = path + suffix;
    if (statSync(file, { throwIfNoEntry: false }) !== undefined) {
      requireAccess(file, constants.R_OK | constants.W_OK);
    }
  }
}

/**
 * The folder itself, or the nearest existing one above it, in which the missing ones would be
 * created.
 */
function existingFolder(folder: string): string {
  const stat = statOf(folder);
  if (stat === undefined && dirname(folder) !== folder) return existingFolder(dirname(folder));
  if (stat?.isDirectory() === false)
    throw new StoreRefused(`${folder} is a file, and a folder is needed there`);
  return folder;
}

function statOf(path: string) {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch (error) {
    // A parent folder is a file.
    if ((error as NodeJS.ErrnoException).code === "ENOTDIR") return undefined;
    throw new StoreRefused(`${path} cannot be examined: ${String((error as Error).message)}`);
  }
}

function requireAccess(path: string, mode: number): void {
  try {
    accessSync(path, mode);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EROFS") {
      throw new StoreRefused(
        `${path} is on a read-only file system: mount it so that it can be written`,
      );
    }
    throw new StoreRefused(permissionProblem(path));
  }
}

function permissionProblem(path: string): string {
  const { uid, mode } = statSync(path);
  const [user, group] = [process.getuid?.(), process.getgid?.()];
  const sentence = `${path} may not be read and written by the user that Lyftr runs as (uid ${user})`;
  if (uid === user) {
    return `${sentence}: its mode is ${(mode & 0o777).toString(8)}. Allow it: chmod u+rwX ${path}`;
  }
  return `${sentence}: it belongs to uid ${uid}. Give it to that user: chown ${user}:${group} ${path}`;
}

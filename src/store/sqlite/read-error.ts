import { closeSync, openSync, readSync } from "node:fs";

const BYTES_PER_READ = 1024 * 1024;

/**
 * Why the disk cannot read all of a file, or undefined when it can. SQLite reports an I/O error of
 * a read as "malformed" (SQLITE_IOERR_CORRUPTFS becomes SQLITE_CORRUPT). Only another read tells
 * the two apart.
 */
export function readError(path: string): string | undefined {
  try {
    const file = openSync(path, "r");
    try {
      const buffer = Buffer.allocUnsafe(BYTES_PER_READ);
      for (let at = 0, bytes = 1; bytes > 0; at += bytes)
        bytes = readSync(file, buffer, 0, BYTES_PER_READ, at);
    } finally {
      closeSync(file);
    }
    return undefined;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return code === "ENOENT" ? undefined : message;
  }
}

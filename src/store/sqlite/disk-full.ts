import {
  closeSync,
  ftruncateSync,
  openSync,
  rmSync,
  statfsSync,
  statSync,
  writeSync,
} from "node:fs";
import { constants } from "node:os";
import { dirname } from "node:path";
import { threadId } from "node:worker_threads";

/** The warning of a start on a full disk. */
export const DISK_FULL =
  "The disk is full, or its files may not grow. Reads are answered, webhooks get 503 until there is room. Make room; a restart is not needed";

/** With less free space, the disk may have no room for a file that grows. */
const FREE_BYTES_MIN = 1024 * 1024;
/** More than SQLite adds to a file at once, except in a large transaction. */
const PROBE_BYTES = 128 * 1024;
const { ENOSPC, EDQUOT, EFBIG } = constants.errno;
const FILES = ["", "-wal", "-index", "-index-wal"];

/**
 * Whether files beside the database at `path` cannot grow: the disk or a quota is full, or the file
 * size is limited. SQLite reports some of these as an I/O error without the reason, so this tries
 * to write its own file.
 */
export function isDiskFull(path: string): boolean {
  const probe = `${path}-probe-${process.pid}-${threadId}`;
  try {
    const { bavail, bsize } = statfsSync(dirname(path));
    if (bavail * bsize < FREE_BYTES_MIN) return true;
    const file = openSync(probe, "wx", 0o600);
    try {
      writeSync(file, Buffer.alloc(PROBE_BYTES));
      ftruncateSync(file, Math.max(...FILES.map((suffix) => sizeOf(path + suffix))) + PROBE_BYTES);
    } finally {
      closeSync(file);
      rmSync(probe, { force: true });
    }
    return false;
  } catch (error) {
    // By number: Node has no name for EDQUOT.
    return [ENOSPC, EDQUOT, EFBIG].includes(-Number((error as { errno?: unknown }).errno));
  }
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

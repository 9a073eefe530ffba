import { readdirSync, readFileSync } from "node:fs";
import type { Log } from "../runtime.ts";

/** The files that the service opens later, in addition to its clients' connections. */
const FILES_RESERVED = 32;
/**
 * With fewer connections the service is useless. Below this number it risks running out of files.
 */
const CONNECTIONS_MIN = 8;

/** The files that this process may open, and those that are open. */
export interface OpenFiles {
  readonly filesMax: number;
  readonly open: number;
}

/**
 * The maximum number of connections: the wanted number, or fewer if the limit of open files is too
 * low. Without a free file descriptor, the kernel would accept connections and close them unseen.
 * With a lower maximum, further connections are counted and logged.
 */
export function connectionLimit(
  wanted: number,
  log: Pick<Log, "warn">,
  files = openFiles(),
): number {
  if (files === undefined) return wanted;
  const possible = files.filesMax - files.open - FILES_RESERVED;
  if (possible >= wanted) return wanted;
  const connections = Math.max(CONNECTIONS_MIN, possible);
  log.warn({
    msg: `the limit of open files allows ${connections} connections instead of ${wanted}: connections beyond that are closed. Raise the limit (ulimit -n, LimitNOFILE of systemd) or lower MAX_CONNECTIONS`,
    open_files_max: files.filesMax,
    open_files_needed: files.open + FILES_RESERVED + wanted,
    connections_max: connections,
  });
  return connections;
}

/**
 * Undefined on systems that do not report it. Node raised the soft limit to the hard one at its
 * start.
 */
function openFiles(): OpenFiles | undefined {
  try {
    const limit = /^Max open files\s+(\S+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1];
    const filesMax = limit === "unlimited" ? Number.POSITIVE_INFINITY : Number(limit);
    return Number.isNaN(filesMax)
      ? undefined
      : { filesMax, open: readdirSync("/proc/self/fd").length };
  } catch {
    return undefined;
  }
}

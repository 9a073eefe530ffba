import {
  closeSync,
  fdatasyncSync,
  mkdtempSync,
  openSync,
  rmSync,
  statfsSync,
  writeSync,
} from "node:fs";
import { availableParallelism, cpus, loadavg, release, tmpdir } from "node:os";
import { join } from "node:path";
import { median, rounded } from "./figures.ts";

const TMPFS_MAGIC = 0x01021994;
const SYNCS = 200;
const PAGE_BYTES = 4_096;

/**
 * A new folder for databases, removed by its `Symbol.dispose`. Refuses a file system in memory,
 * where an fsync costs nothing, unless the figures mean nothing anyway.
 */
export function scratchFolder(parent = tmpdir()): { readonly path: string } & Disposable {
  if (statfsSync(parent).type === TMPFS_MAGIC && process.env.BENCH_QUICK !== "1") {
    throw new Error(
      `${parent} is in memory, so its fsync proves nothing: name a folder on a disk in TMPDIR`,
    );
  }
  const path = mkdtempSync(join(parent, "lyftr-bench-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** One line about the machine of the figures. */
export function describeMachine(folder: string): string {
  const load = loadavg()[0] ?? 0;
  return (
    `${availableParallelism()} cores (${cpus()[0]?.model ?? "unknown"}), Linux ${release()}, Node ${process.versions.node}, SQLite ${process.versions.sqlite}, ` +
    `fdatasync of a 4 KiB append ${rounded(syncMs(folder), 2)} ms (median of ${SYNCS}), load average at the start ${rounded(load, 2)}`
  );
}

function syncMs(folder: string): number {
  const page = Buffer.alloc(PAGE_BYTES, 1);
  const file = openSync(join(folder, "sync-probe"), "w");
  const times = Array.from({ length: SYNCS }, () => {
    const startMs = performance.now();
    writeSync(file, page);
    fdatasyncSync(file);
    return performance.now() - startMs;
  });
  closeSync(file);
  return median(times);
}

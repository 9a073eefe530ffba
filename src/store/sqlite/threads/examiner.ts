import type { DatabaseSync } from "node:sqlite";
import { isMainThread, parentPort, workerData } from "node:worker_threads";
import { StoreBroken, StoreDamaged } from "../../../domain/errors.ts";
import { readError } from "../read-error.ts";
import { readUnchanged } from "../read-unchanged.ts";

/** The maximum number of reported problems. More do not help to repair a file. */
const PROBLEMS_MAX = 20;
const PRIMARY_CODE = 0xff;
const IOERR = 10;

/** The result of reading a file from end to end. */
export type Findings =
  | { readonly kind: "sound" }
  | { readonly kind: "damaged"; readonly problems: readonly string[] }
  /** The disk could not read a part of it, so its content is unknown. */
  | { readonly kind: "unreadable"; readonly problem: string };

/**
 * Reads the SQLite file at `path` from end to end, with all checks of SQLite. It changes nothing.
 */
async function examineFile(path: string): Promise<Findings> {
  const findings = await look(path);
  if (findings.kind !== "damaged") return findings;
  const problem = readError(path);
  if (problem !== undefined) return { kind: "unreadable", problem };
  // Real damage is found a second time. A disk may have failed once.
  return look(path);
}

async function look(path: string): Promise<Findings> {
  try {
    const check = (db: DatabaseSync) => db.prepare(`PRAGMA integrity_check(${PROBLEMS_MAX})`).all();
    const rows = await readUnchanged(path, check);
    return findingsOf(rows.flatMap((row) => String(Object.values(row)[0]).split("\n")));
  } catch (error) {
    if (error instanceof StoreDamaged) return { kind: "damaged", problems: [error.message] };
    if (error instanceof StoreBroken) return { kind: "unreadable", problem: error.message };
    throw error;
  }
}

/**
 * The report of `PRAGMA integrity_check` on a page that the disk cannot read: 266, or another I/O
 * error.
 */
const PAGE_UNREADABLE = /error code=([0-9]+)/;

function findingsOf(lines: readonly string[]): Findings {
  if (lines.length === 1 && lines[0] === "ok") return { kind: "sound" };
  const problems = lines
    .filter((line) => !line.startsWith("*** in database"))
    .slice(0, PROBLEMS_MAX);
  const unreadable = problems.find(
    (line) => (Number(PAGE_UNREADABLE.exec(line)?.[1] ?? 0) & PRIMARY_CODE) === IOERR,
  );
  if (unreadable !== undefined) return { kind: "unreadable", problem: unreadable };
  return { kind: "damaged", problems };
}

// The code of a thread that reads a file from end to end, which takes seconds to minutes, and then
// ends.
if (isMainThread || parentPort === null)
  throw new Error("this file is the code of a worker thread");
const { path } = workerData as { path: string };
parentPort.postMessage(await examineFile(path));

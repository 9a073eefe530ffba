import type { DatabaseSync } from "node:sqlite";
import { StoreBroken, StoreDamaged } from "../../../domain/errors.ts";
import { readUnchanged } from "../read-unchanged.ts";

/** Whoever mends a file needs no more of them. */
const PROBLEMS_MAX = 20;
const PRIMARY_CODE = 0xff;
const IOERR = 10;

/** What reading a file from end to end has found. */
export type Findings =
  | { readonly kind: "sound" }
  | { readonly kind: "damaged"; readonly problems: readonly string[] }
  /** The disk could not give a part of it, so that nobody knows what is there. */
  | { readonly kind: "unreadable"; readonly problem: string };

/** Reads the SQLite file at `path` from end to end, with everything that SQLite can hold against each other. It changes nothing. */
export async function examineFile(path: string): Promise<Findings> {
  try {
    const check = (db: DatabaseSync) => db.prepare(`PRAGMA integrity_check(${PROBLEMS_MAX})`).all();
    const rows = await readUnchanged(path, check);
    return findingsOf(rows.map((row) => String(Object.values(row)[0])));
  } catch (error) {
    if (error instanceof StoreDamaged) return { kind: "damaged", problems: [error.message] };
    if (error instanceof StoreBroken) return { kind: "unreadable", problem: error.message };
    throw error;
  }
}

/** What `PRAGMA integrity_check` says of a page that the disk does not give: 266, or another I/O error. */
const PAGE_UNREADABLE = /error code=([0-9]+)/;

function findingsOf(rows: readonly string[]): Findings {
  if (rows.length === 1 && rows[0] === "ok") return { kind: "sound" };
  const unreadable = rows.find((row) => (Number(PAGE_UNREADABLE.exec(row)?.[1] ?? 0) & PRIMARY_CODE) === IOERR);
  if (unreadable !== undefined) return { kind: "unreadable", problem: unreadable };
  const lines = rows.flatMap((row) => row.split("\n")).filter((line) => !line.startsWith("*** in database"));
  return { kind: "damaged", problems: lines.slice(0, PROBLEMS_MAX) };
}

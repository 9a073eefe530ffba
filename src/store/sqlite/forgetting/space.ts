import type { DatabaseSync } from "node:sqlite";
import { cutLog } from "../connection.ts";
import type { Statements } from "../statements.ts";

const FILES = ["main", "read_index"] as const;
/** How much of a file may stay free for the messages to come. */
const FREE_SHARE_KEPT = 0.05;
/** Nobody can store while this happens: some milliseconds. */
const PAGES_PER_STEP_MAX = 256;

/** Cuts free pages off the ends of both files. Returns the bytes; 0 when there are few, or the file was made before files could do that. */
export function giveBackSpace(statements: Statements, share = FREE_SHARE_KEPT): number {
  let bytes = 0;
  for (const schema of FILES) {
    const pages = (name: string) => statements.number(`PRAGMA ${schema}.${name}`);
    const free = pages("freelist_count");
    const surplus = Math.min(PAGES_PER_STEP_MAX, Math.floor(free - share * pages("page_count")));
    if (surplus <= 0 || pages("auto_vacuum") === 0) continue;
    statements.db.prepare(`PRAGMA ${schema}.incremental_vacuum(${surplus})`).all();
    bytes += (free - pages("freelist_count")) * pages("page_size");
  }
  return bytes;
}

export function dropTombstones(
  statements: Statements,
  { now, rowsMax }: { readonly now: string; readonly rowsMax: number },
): number {
  return statements.run(
    `DELETE FROM tombstones WHERE hash IN (
       SELECT hash FROM tombstones INDEXED BY tombstones_by_end WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)`,
    [now, rowsMax],
  );
}

/** Each attempt waits for those who read, and nobody can write meanwhile. */
const CUTS_MAX = 40;
const BETWEEN_CUTS_MS = 50;

/** Cuts both logs and all free pages away: page images from before an erasure. Returns what could not be, a sentence each. */
export function scrub(statements: Statements): readonly string[] {
  const { db } = statements;
  while (giveBackSpace(statements, 0) > 0);
  const remains = FILES.filter((schema) => !cutWhole(db, schema)).map((schema) => LOG_READ[schema]);
  if (statements.number("PRAGMA main.auto_vacuum") === 0 && statements.number("PRAGMA main.freelist_count") > 0) {
    remains.push(OLD_FREE_PAGES);
  }
  return [...remains, ...ELSEWHERE];
}

function cutWhole(db: DatabaseSync, schema: (typeof FILES)[number]): boolean {
  for (let cut = 1; cut <= CUTS_MAX; cut++) {
    if (cutLog(db, schema)) return true;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, BETWEEN_CUTS_MS);
  }
  return false;
}

const LOG_READ = {
  main: "The write-ahead log of the messages could not be cut, because somebody reads for long; it is overwritten as new messages come, and gone when the service ends",
  read_index:
    "The write-ahead log of the read index could not be cut, because somebody reads for long; it is overwritten as new messages come, and gone when the service ends",
};
const OLD_FREE_PAGES =
  "The file was made by an earlier version: free pages in it from before that may hold pieces of old messages until they are used again; copy it with lyftr copy to a new one to be rid of them";
const ELSEWHERE = [
  "Backups, copies and exports that were made before still have it",
  "What the file system and the disk keep of overwritten blocks is beyond the database",
  "Texts of others may mention the person",
];

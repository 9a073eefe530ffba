import type { DatabaseSync } from "node:sqlite";
import { StoreBroken, StoreUnavailable } from "../../../domain/errors.ts";
import { toStoreError, truncateWal } from "../connection.ts";
import type { Statements } from "../statements.ts";
import { KEPT_NAME } from "../takeover/old-table.ts";

const FILES = ["main", "read_index"] as const;
/** How much of a file may stay free for the messages to come. */
const FREE_SHARE_KEPT = 0.05;
/** Nobody can store while this happens: some milliseconds. */
const PAGES_PER_STEP_MAX = 256;

/** Cuts free pages off the ends of both files. Returns the bytes; 0 when there are few, or the file was made before files could do that. */
export function reclaimSpace(statements: Statements, share = FREE_SHARE_KEPT): number {
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
const TRUNCATIONS_MAX = 40;
const TRUNCATION_PAUSE_MS = 50;

/**
 * The largest file of messages that is written anew while others wait to store, 64 MiB of the usual pages: about half a second, of the two for
 * which they wait.
 */
const MESSAGE_PAGES_MAX = 16_384;

/**
 * Writes the files anew and cuts their logs. Overwriting what is deleted is not enough: when pages are split or merged, SQLite leaves copies of
 * what it moved in their unused parts, and nobody finds these when the original is deleted. Returns what could not be done, a sentence each.
 */
export function scrub(statements: Statements, messagePagesMax = MESSAGE_PAGES_MAX): readonly string[] {
  const { db } = statements;
  const left: string[] = [];
  // Whoever stores does not need the index.
  if (!vacuum(db, "read_index")) left.push(INDEX_KEPT);
  const small = statements.number("PRAGMA main.page_count") <= messagePagesMax;
  if (!small || !vacuum(db, "main")) left.push(MESSAGES_KEPT);
  while (reclaimSpace(statements, 0) > 0);
  const remains = FILES.filter((schema) => !truncateWithRetries(db, schema)).map((schema) => LOG_READ[schema]);
  const kept = statements.get("SELECT 1 FROM main.sqlite_schema WHERE name = ?", [KEPT_NAME]);
  return [...left, ...remains, ...(kept === undefined ? [] : [OLD_TABLE_KEPT]), ...ELSEWHERE];
}

/** False when somebody holds it for long, or there is no room for a second one. */
function vacuum(db: DatabaseSync, schema: (typeof FILES)[number]): boolean {
  try {
    db.exec(`VACUUM ${schema}`);
    return true;
  } catch (error) {
    const meaning = toStoreError(error);
    if (meaning instanceof StoreUnavailable && !(meaning instanceof StoreBroken)) return false;
    throw error;
  }
}

function truncateWithRetries(db: DatabaseSync, schema: (typeof FILES)[number]): boolean {
  for (let cut = 1; cut <= TRUNCATIONS_MAX; cut++) {
    if (truncateWal(db, schema)) return true;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, TRUNCATION_PAUSE_MS);
  }
  return false;
}

const LOG_READ = {
  main: "The write-ahead log of the messages could not be cut, because somebody reads for long; it is overwritten as new messages come, and gone when the service ends",
  read_index:
    "The write-ahead log of the read index could not be cut, because somebody reads for long; it is overwritten as new messages come, and gone when the service ends",
};
const INDEX_KEPT =
  "The read index could not be written anew, because somebody held it or there was no room: unused parts of its pages may hold pieces; erase again, or stop the service and delete the file that ends in -index";
const MESSAGES_KEPT =
  "The file of the messages was not written anew, because it is too large for that while messages come in, or somebody held it, or there was no room: unused parts of its pages may hold pieces of messages until they are used again; copy it with lyftr copy to a new one to be rid of them";
const OLD_TABLE_KEPT = `The table ${KEPT_NAME} has what the older service stored, including this person's messages: drop it when you no longer need it`;
const ELSEWHERE = [
  "Backups, copies and exports that were made before still have it",
  "What the file system and the disk keep of overwritten blocks is beyond the database",
  "Texts of others may mention the person",
];

import type { DatabaseSync } from "node:sqlite";
import { StoreBroken, StoreUnavailable } from "../../../domain/errors.ts";
import { toStoreError, truncateWal } from "../connection.ts";
import type { Statements } from "../statements.ts";
import { KEPT_NAME } from "../takeover/old-table.ts";

const FILES = ["main", "read_index"] as const;
/** The share of a file that may stay free for new messages. */
const FREE_SHARE_KEPT = 0.05;
/** The pages of one step. Inserts wait for it, some milliseconds. */
const PAGES_PER_STEP_MAX = 256;

/**
 * Returns free pages at the ends of both files to the file system. Returns the bytes. They are 0
 * when few pages are free, or the file was created before this was supported.
 */
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

/** Each attempt waits for readers. */
const TRUNCATIONS_MAX = 40;
const TRUNCATION_PAUSE_MS = 50;

/**
 * The largest message file that is rewritten while inserts wait: 64 MiB with the usual pages. That
 * takes about half a second; inserts wait for at most two.
 */
const MESSAGE_PAGES_MAX = 16_384;

/**
 * Rewrites the files, and truncates the log of the read index; the writer thread truncates that of
 * the messages. Overwriting deleted content is not enough: when SQLite splits or merges pages, it
 * leaves copies of moved content in their unused parts. Deleting the original does not reach these.
 * Returns what could not be done, a sentence each.
 */
export function scrub(
  statements: Statements,
  messagePagesMax = MESSAGE_PAGES_MAX,
): readonly string[] {
  const { db } = statements;
  const left: string[] = [];
  // Inserts do not need the index.
  if (!vacuum(db, "read_index")) left.push(INDEX_KEPT);
  const small = statements.number("PRAGMA main.page_count") <= messagePagesMax;
  if (!small || !vacuum(db, "main")) left.push(MESSAGES_KEPT);
  while (reclaimSpace(statements, 0) > 0);
  if (!truncateIndexLog(db)) left.push(INDEX_LOG_KEPT);
  const kept = statements.get("SELECT 1 FROM main.sqlite_schema WHERE name = ?", [KEPT_NAME]);
  return [...left, ...(kept === undefined ? [] : [OLD_TABLE_KEPT]), ...ELSEWHERE];
}

/**
 * Returns false when another process locks the database for long, or there is no room for a second
 * copy.
 */
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

function truncateIndexLog(db: DatabaseSync): boolean {
  for (let attempt = 1; attempt <= TRUNCATIONS_MAX; attempt++) {
    if (truncateWal(db, "read_index")) return true;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, TRUNCATION_PAUSE_MS);
  }
  return false;
}

export const MESSAGE_LOG_KEPT =
  "The write-ahead log of the messages could not be truncated, because a read takes long. New messages overwrite it, and it is deleted when the service ends";
const INDEX_LOG_KEPT =
  "The write-ahead log of the read index could not be truncated, because a read takes long. New messages overwrite it, and it is deleted when the service ends";
const INDEX_KEPT =
  "The read index could not be rewritten, because another process locked it or there was no room: unused parts of its pages may contain pieces. Erase again, or stop the service and delete the file that ends in -index";
const MESSAGES_KEPT =
  "The message file was not rewritten, because it is too large for that while messages arrive, or another process locked it, or there was no room: unused parts of its pages may contain pieces of messages until they are reused. To remove them, copy the file with lyftr copy to a new one";
const OLD_TABLE_KEPT = `The table ${KEPT_NAME} has what the older service stored, including this person's messages: drop it when you no longer need it`;
const ELSEWHERE = [
  "Backups, copies and exports that were made before still contain the messages",
  "The database cannot reach overwritten blocks that the file system or the disk keeps",
  "Texts of other people may mention the person",
];

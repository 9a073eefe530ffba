import { createHash } from "node:crypto";
import { readFileSync, rmSync, statSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { StoreBroken, StoreDamaged } from "../../../domain/errors.ts";
import { CACHE_KIB, openWithoutCheckpoints, toStoreError, transaction } from "../connection.ts";
import { readError } from "../read-error.ts";
import { Statements } from "../statements.ts";
import { contentSum } from "./content-sum.ts";
import { searchable } from "./searchable.ts";

const SCHEMA = readFileSync(new URL("./schema.sql", import.meta.url), "utf8");
/** Another schema has another number, so an index of another version is rebuilt. */
const SCHEMA_VERSION = createHash("sha256").update(SCHEMA).digest().readInt32BE() & 0x7fffffff;

/**
 * The path of the read index of the database at `path`. It may be deleted while nothing runs: it is
 * rebuilt.
 */
export function readIndexPath(path: string): string {
  return `${path}-index`;
}

/** Attaches the read index to a connection to the messages. */
export function attachReadIndex(db: DatabaseSync, path: string): void {
  db.prepare("ATTACH ? AS read_index").run(readIndexPath(path));
}

/**
 * A connection that adds messages to the read index. An index that is damaged, of another version
 * or of other messages is emptied: it can be rebuilt from the messages.
 */
export function openReadIndex(
  path: string,
  discarded: (problem: string) => void = () => undefined,
): Statements {
  try {
    return openTwiceIfDamaged(path);
  } catch (error) {
    const meaning = toStoreError(error, path);
    if (!(meaning instanceof StoreDamaged)) throw error;
    const unreadable = readError(readIndexPath(path)) ?? readError(path);
    if (unreadable !== undefined)
      throw new StoreBroken(`the disk reports an I/O error: ${unreadable}`);
    removeReadIndex(path);
    const statements = open(path);
    discarded(meaning.message);
    return statements;
  }
}

/**
 * SQLite also reports damage when the disk failed to read once. Real damage is reported a second
 * time.
 */
function openTwiceIfDamaged(path: string): Statements {
  try {
    return open(path);
  } catch (error) {
    if (!(toStoreError(error, path) instanceof StoreDamaged)) throw error;
    return open(path);
  }
}

/** Removes a damaged index. Readers that still have it open continue with the deleted file. */
export function removeReadIndex(path: string): void {
  for (const suffix of ["", ...LOGS]) rmSync(readIndexPath(path) + suffix, { force: true });
}

const LOGS = ["-wal", "-shm"];

function open(path: string): Statements {
  // A log that is left of a deleted index would be applied to the new one. An index in use is never
  // empty.
  if ((statSync(readIndexPath(path), { throwIfNoEntry: false })?.size ?? 0) === 0)
    for (const suffix of LOGS) rmSync(readIndexPath(path) + suffix, { force: true });
  const db = openWithoutCheckpoints(path);
  attachReadIndex(db, path);
  const statements = new Statements(db);
  // This writes, and an existing index may be on a full disk.
  if (statements.number("PRAGMA read_index.page_count") === 0)
    db.exec("PRAGMA read_index.auto_vacuum = INCREMENTAL");
  // A power cut may remove the newest transactions of the index, but never a part of one: the
  // messages are indexed again. Deleted content is overwritten in every page that is written
  // anyway.
  db.exec(`PRAGMA secure_delete = FAST; PRAGMA main.synchronous = FULL;
    PRAGMA read_index.journal_mode = WAL; PRAGMA read_index.synchronous = NORMAL;
    PRAGMA read_index.cache_size = -${CACHE_KIB}`);
  addFunctions(db);
  if (!fits(statements)) {
    transaction(db, "BEGIN", () => {
      const version = statements.number("PRAGMA read_index.user_version");
      lock(db);
      // After waiting for the lock, the work may be done, or a deletion may have just ended.
      if (version !== SCHEMA_VERSION || !fits(statements)) rebuild(db);
    });
  }
  return statements;
}

/** The functions that indexing uses for each message. */
function addFunctions(db: DatabaseSync): void {
  db.function("searchable", { deterministic: true }, (text) => searchable(String(text)));
  db.function("content_sum", { deterministic: true }, (ts, createdAt, text) =>
    contentSum({
      ts: String(ts),
      createdAt: String(createdAt),
      text: text === null ? null : String(text),
    }),
  );
}

function fits(statements: Statements): boolean {
  if (statements.number("PRAGMA read_index.user_version") !== SCHEMA_VERSION) return false;
  return (
    statements.get(
      `SELECT 1 FROM index_state JOIN lyftr_database ON id = database_id JOIN main.deletions ON generation = index_state.deletions
       WHERE seq = 0 OR last_message IS (${LAST_INDEXED})`,
    ) !== undefined
  );
}

/** Whether the tables of the index are those of this version. */
export function hasCurrentTables(db: DatabaseSync): boolean {
  const scratch = new DatabaseSync(":memory:");
  try {
    scratch.exec(`ATTACH ':memory:' AS read_index; ${SCHEMA}`);
    const state = db.prepare(
      "SELECT count(*) AS n FROM pragma_table_list WHERE schema = 'read_index' AND name = 'index_state'",
    );
    if (state.get()?.n !== 1 || db.prepare("SELECT 1 FROM index_state").get() === undefined)
      return false;
    return tablesOf(db) === tablesOf(scratch);
  } finally {
    scratch.close();
  }
}

function tablesOf(db: DatabaseSync): string {
  const rows = db
    .prepare("SELECT type, name, sql FROM read_index.sqlite_schema ORDER BY type, name")
    .all();
  return JSON.stringify(rows);
}

/**
 * Identifies the last message in the index, even if the same message was deleted and sent again.
 */
export const LAST_INDEXED = `SELECT m.seq || ' ' || m.created_at || ' ' || m.source || ' ' || m.message_id
  FROM lyftr_messages m WHERE m.seq <= index_state.seq ORDER BY m.seq DESC LIMIT 1`;

/** Takes the write lock of the index, before anything is read. */
function lock(db: DatabaseSync): void {
  db.exec(`PRAGMA read_index.user_version = ${SCHEMA_VERSION}`);
}

/** Empties the index, in a transaction that holds its write lock. */
export function rebuild(db: DatabaseSync): void {
  // In reverse order, so that the list of grams is dropped before the search table that it reads.
  const tables = db
    .prepare(
      `SELECT name FROM pragma_table_list WHERE schema = 'read_index' AND type IN ('table', 'virtual')
       AND name NOT LIKE 'sqlite%' ORDER BY name DESC`,
    )
    .all();
  for (const { name } of tables) db.exec(`DROP TABLE read_index."${name}"`);
  db.exec(SCHEMA);
  db.exec(
    "INSERT INTO index_state SELECT 1, 0, 0, 0, 0, id, NULL, generation FROM lyftr_database, main.deletions",
  );
}

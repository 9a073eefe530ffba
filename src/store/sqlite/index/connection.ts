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
/** Another schema has another number, so an index of another version is made anew. */
const SCHEMA_VERSION = createHash("sha256").update(SCHEMA).digest().readInt32BE() & 0x7fffffff;

/** Where the read index of the database at `path` is. It may be deleted while nothing runs: it is made again. */
export function readIndexPath(path: string): string {
  return `${path}-index`;
}

/** Lets a connection to the messages see the read index as well. */
export function attachReadIndex(db: DatabaseSync, path: string): void {
  db.prepare("ATTACH ? AS read_index").run(readIndexPath(path));
}

/**
 * A connection that adds messages to the read index at their side. An index that is damaged, of another version or of other
 * messages is emptied: the messages are what counts, and all of it can be made again.
 */
export function openReadIndex(path: string, discarded: (problem: string) => void = () => undefined): Statements {
  try {
    return openAgainWhenDamaged(path);
  } catch (error) {
    const meaning = toStoreError(error, path);
    if (!(meaning instanceof StoreDamaged)) throw error;
    const unreadable = readError(readIndexPath(path)) ?? readError(path);
    if (unreadable !== undefined) throw new StoreBroken(`the disk reports an I/O error: ${unreadable}`);
    removeReadIndex(path);
    const statements = open(path);
    discarded(meaning.message);
    return statements;
  }
}

/** SQLite calls a read that the disk failed once damage too. What is really damaged is so a second time. */
function openAgainWhenDamaged(path: string): Statements {
  try {
    return open(path);
  } catch (error) {
    if (!(toStoreError(error, path) instanceof StoreDamaged)) throw error;
    return open(path);
  }
}

/** For an index that is damaged. Whoever still has it open goes on with what is no file any more. */
export function removeReadIndex(path: string): void {
  for (const suffix of ["", ...LOGS]) rmSync(readIndexPath(path) + suffix, { force: true });
}

const LOGS = ["-wal", "-shm"];

function open(path: string): Statements {
  // A log that is left of an index that was deleted would be applied to the new one. A file that is in use is never empty.
  if ((statSync(readIndexPath(path), { throwIfNoEntry: false })?.size ?? 0) === 0)
    for (const suffix of LOGS) rmSync(readIndexPath(path) + suffix, { force: true });
  const db = openWithoutCheckpoints(path);
  attachReadIndex(db, path);
  const statements = new Statements(db);
  // It writes, and an index that exists may lie on a full disk.
  if (statements.number("PRAGMA read_index.page_count") === 0) db.exec("PRAGMA read_index.auto_vacuum = INCREMENTAL");
  // A power cut may take the newest transactions of the index away, never a part of one: they are indexed again.
  // Of what is deleted nothing is left behind in a page that is written anyhow.
  db.exec(`PRAGMA secure_delete = FAST; PRAGMA main.synchronous = FULL;
    PRAGMA read_index.journal_mode = WAL; PRAGMA read_index.synchronous = NORMAL;
    PRAGMA read_index.cache_size = -${CACHE_KIB}`);
  addFunctions(db);
  if (!fits(statements)) {
    transaction(db, "BEGIN", () => {
      const version = statements.number("PRAGMA read_index.user_version");
      lock(db);
      // Whoever waited for the lock may find the work done, or a deletion at its end.
      if (version !== SCHEMA_VERSION || !fits(statements)) rebuild(db);
    });
  }
  return statements;
}

/** What indexing asks of each message. */
function addFunctions(db: DatabaseSync): void {
  db.function("searchable", { deterministic: true }, (text) => searchable(String(text)));
  db.function("content_sum", { deterministic: true }, (ts, createdAt, text) =>
    contentSum({ ts: String(ts), createdAt: String(createdAt), text: text === null ? null : String(text) }),
  );
}

function fits(statements: Statements): boolean {
  if (statements.number("PRAGMA read_index.user_version") !== SCHEMA_VERSION) return false;
  return (
    statements.get(
      `SELECT 1 FROM fold_state JOIN lyftr_database ON id = database_id JOIN main.deletions ON generation = fold_state.deletions
       WHERE seq = 0 OR last_message IS (${LAST_INDEXED})`,
    ) !== undefined
  );
}

/** Whether the tables of the index are those that this version makes. */
export function hasItsTables(db: DatabaseSync): boolean {
  const scratch = new DatabaseSync(":memory:");
  try {
    scratch.exec(`ATTACH ':memory:' AS read_index; ${SCHEMA}`);
    const state = db.prepare(
      "SELECT count(*) AS n FROM pragma_table_list WHERE schema = 'read_index' AND name = 'fold_state'",
    );
    if (state.get()?.n !== 1 || db.prepare("SELECT 1 FROM fold_state").get() === undefined) return false;
    return tablesOf(db) === tablesOf(scratch);
  } finally {
    scratch.close();
  }
}

function tablesOf(db: DatabaseSync): string {
  const rows = db.prepare("SELECT type, name, sql FROM read_index.sqlite_schema ORDER BY type, name").all();
  return JSON.stringify(rows);
}

/** What tells the last message that is in the index from every other, also from the same one when it was sent again. */
export const LAST_INDEXED = `SELECT m.seq || ' ' || m.created_at || ' ' || m.source || ' ' || m.message_id
  FROM lyftr_messages m WHERE m.seq <= fold_state.seq ORDER BY m.seq DESC LIMIT 1`;

/** Takes the write lock of the index, before anything is read. */
function lock(db: DatabaseSync): void {
  db.exec(`PRAGMA read_index.user_version = ${SCHEMA_VERSION}`);
}

/** Empties the index, in a transaction that holds its write lock. */
export function rebuild(db: DatabaseSync): void {
  // Backwards, so that the list of grams goes before the search it looks into.
  const tables = db
    .prepare(
      `SELECT name FROM pragma_table_list WHERE schema = 'read_index' AND type IN ('table', 'virtual')
       AND name NOT LIKE 'sqlite%' ORDER BY name DESC`,
    )
    .all();
  for (const { name } of tables) db.exec(`DROP TABLE read_index."${name}"`);
  db.exec(SCHEMA);
  db.exec("INSERT INTO fold_state SELECT 1, 0, 0, 0, 0, id, NULL, generation FROM lyftr_database, main.deletions");
}

import type { Transaction } from "../connection.ts";
import type { Database } from "../database.ts";
import { buildIndex, isBuilt } from "./indexes.ts";
import { SEARCHED, type SearchIndex } from "./searchable.ts";

const INDEX = "messages_search";
const BUILD_MS_MAX = 6 * 60 * 60 * 1_000;
/**
 * New texts are collected in a pending list and added to the index together, for a third of the
 * cost. A search scans the list, and the insert that fills it has to empty it. So it is emptied in
 * the background before it is full.
 */
const PENDING_LIST_KIB = 16_384;
const DEFINITION = `USING gin ((${SEARCHED}) gin_trgm_ops) WITH (gin_pending_list_limit = ${PENDING_LIST_KIB})`;
const EXTENSION = "CREATE EXTENSION IF NOT EXISTS pg_trgm";

export const ASCII_SEARCH_INDEX =
  "the search index covers the letters of ASCII only, because of the locale of the database: other words are searched for text by " +
  "text, at most 1,000,000 of them. A database with LC_CTYPE C.UTF-8 or similar, filled by lyftr copy, has an index for all letters";

export const NO_SEARCH_INDEX =
  "there is no search index, so a search scans texts one by one, at most 1,000,000 of them: " +
  "let a superuser run CREATE EXTENSION pg_trgm in this database, then run lyftr migrate";

/** Whether the search index exists and may be used, and for which letters. */
export async function searchIndexOf(database: Database): Promise<SearchIndex> {
  if (!(await isBuilt(database, { name: INDEX, definition: DEFINITION }))) return "none";
  // The locale of the database decides what the extension treats as a letter.
  const [known] = await database.all<{ letters: boolean }>(
    "SELECT cardinality(show_trgm('äöü')) > 0 AS letters",
  );
  return known?.letters ? "all letters" : "ascii";
}

/**
 * Creates the search index for new tables, if its extension exists or may be created. Returns
 * whether the index exists now.
 */
export async function makeSearchIndex(tx: Transaction): Promise<boolean> {
  await tx.run("SAVEPOINT extension");
  try {
    await tx.run(EXTENSION);
  } catch {
    await tx.run("ROLLBACK TO SAVEPOINT extension");
  }
  if (!(await hasTrigrams(tx))) return false;
  await tx.run(`CREATE INDEX ${INDEX} ON messages ${DEFINITION}`);
  return true;
}

/**
 * Creates the search index for tables that have messages, while messages are stored. Returns the
 * outcome.
 */
export async function buildSearchIndex(
  database: Database,
): Promise<"was there" | "built" | "cannot"> {
  if ((await searchIndexOf(database)) !== "none") return "was there";
  await database.all(EXTENSION).catch(() => undefined);
  if (!(await hasTrigrams(database))) return "cannot";
  await buildIndex(database, { name: INDEX, definition: DEFINITION }, BUILD_MS_MAX);
  return "built";
}

/**
 * Adds the pending texts to the index. Without the right or the index, the insert that fills the
 * list does it.
 */
export async function emptyPendingList(database: Database): Promise<void> {
  const parts = `SELECT inhrelid AS part FROM pg_catalog.pg_inherits WHERE inhparent = to_regclass('${INDEX}')`;
  const all = `SELECT to_regclass('${INDEX}')::oid AS part WHERE NOT EXISTS (${parts}) UNION ALL ${parts}`;
  await database
    .all(`SELECT gin_clean_pending_list(part::regclass) FROM (${all}) AS lists`)
    .catch(() => undefined);
}

async function hasTrigrams(asked: Pick<Transaction, "all">): Promise<boolean> {
  // By the operator class: an extension in a schema outside of the search path is of no use.
  const [row] = await asked.all<{ present: boolean }>(
    `SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_opclass WHERE opcname = 'gin_trgm_ops' AND pg_opclass_is_visible(oid)) AS present`,
  );
  return row?.present === true;
}

import type { Transaction } from "../connection.ts";
import type { Database } from "../database.ts";
import { buildIndex, isBuilt } from "./indexes.ts";
import { SEARCHED, type SearchIndex } from "./searchable.ts";

const INDEX = "messages_search";
const BUILD_MS_MAX = 6 * 60 * 60 * 1_000;
/**
 * New texts wait in a list and are taken into the index together, which costs a third of one by one. A search looks through the list, and
 * whoever fills it up has to empty it: so it is emptied behind the hot path, as counting goes on, before it is full.
 */
const PENDING_LIST_KIB = 16_384;
const DEFINITION = `USING gin ((${SEARCHED}) gin_trgm_ops) WITH (gin_pending_list_limit = ${PENDING_LIST_KIB})`;
const EXTENSION = "CREATE EXTENSION IF NOT EXISTS pg_trgm";

export const ASCII_SEARCH_INDEX =
  "the search has an index for the letters of ASCII only, because of the locale of the database: other words are looked for text by " +
  "text, at most 1,000,000 of them. A database with LC_CTYPE C.UTF-8 or such, filled by lyftr copy, has an index for all";

export const NO_SEARCH_INDEX =
  "the search has no index, so it looks at texts one by one, at most 1,000,000 of them: " +
  "let a superuser run CREATE EXTENSION pg_trgm in this database, then run lyftr migrate";

/** Whether the index of the search is there and may be used, and for what. */
export async function searchIndexOf(database: Database): Promise<SearchIndex> {
  if (!(await isBuilt(database, { name: INDEX, definition: DEFINITION }))) return "none";
  // What is a letter, the extension asks the locale of the database.
  const [known] = await database.all<{ letters: boolean }>("SELECT cardinality(show_trgm('äöü')) > 0 AS letters");
  return known?.letters ? "all letters" : "ascii";
}

/**
 * Makes the index of the search for new tables, where the extension it needs is there or may be created. Returns whether it is there now.
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

/** The same for tables that have messages: they are written to meanwhile. Returns what became of it. */
export async function buildSearchIndex(database: Database): Promise<"was there" | "built" | "cannot"> {
  if ((await searchIndexOf(database)) !== "none") return "was there";
  await database.all(EXTENSION).catch(() => undefined);
  if (!(await hasTrigrams(database))) return "cannot";
  await buildIndex(database, { name: INDEX, definition: DEFINITION }, BUILD_MS_MAX);
  return "built";
}

/** Takes the texts that wait into the index. Where the role may not, or there is no index, whoever fills the list does it. */
export async function emptyPendingList(database: Database): Promise<void> {
  const parts = `SELECT inhrelid AS part FROM pg_catalog.pg_inherits WHERE inhparent = to_regclass('${INDEX}')`;
  const all = `SELECT to_regclass('${INDEX}')::oid AS part WHERE NOT EXISTS (${parts}) UNION ALL ${parts}`;
  await database.all(`SELECT gin_clean_pending_list(part::regclass) FROM (${all}) AS lists`).catch(() => undefined);
}

async function hasTrigrams(asked: Pick<Transaction, "all">): Promise<boolean> {
  // By the operator class: an extension in a schema that is not looked through does not help.
  const [row] = await asked.all<{ present: boolean }>(
    `SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_opclass WHERE opcname = 'gin_trgm_ops' AND pg_opclass_is_visible(oid)) AS present`,
  );
  return row?.present === true;
}

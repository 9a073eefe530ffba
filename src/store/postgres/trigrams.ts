import type { Database, Transaction } from "./database.ts";
import { SEARCHED } from "./searchable.ts";

const INDEX = "messages_search";
const BUILD_MS_MAX = 6 * 60 * 60 * 1_000;
/**
 * New texts wait in a list and are taken into the index together, which costs a third of one by one. A search looks through the list,
 * and whoever fills it up waits until it is emptied: so it is a quarter of what the server would let it be.
 */
const PENDING_LIST_KIB = 1_024;
const DEFINITION = `messages USING gin ((${SEARCHED}) gin_trgm_ops) WITH (gin_pending_list_limit = ${PENDING_LIST_KIB})`;
const EXTENSION = "CREATE EXTENSION IF NOT EXISTS pg_trgm";

export const NO_SEARCH_INDEX =
  "the search has no index, so it looks at texts one by one, at most 1,000,000 of them: " +
  "let a superuser run CREATE EXTENSION pg_trgm in this database, then run lyftr migrate";

/** Whether the index of the search is there and may be used. */
export async function hasSearchIndex(database: Database): Promise<boolean> {
  const [row] = await database.all<{ valid: boolean }>(
    `SELECT bool_and(indisvalid) AS valid FROM pg_catalog.pg_index WHERE indexrelid = to_regclass('${INDEX}')`,
  );
  return row?.valid === true;
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
  await tx.run(`CREATE INDEX ${INDEX} ON ${DEFINITION}`);
  return true;
}

/** The same for tables that have messages: they are written to meanwhile. */
export async function buildSearchIndex(database: Database): Promise<boolean> {
  if (await hasSearchIndex(database)) return true;
  await database.all(EXTENSION).catch(() => undefined);
  if (!(await hasTrigrams(database))) return false;
  // What an interrupted build left behind is of no use.
  await database.alone(`DROP INDEX CONCURRENTLY IF EXISTS ${INDEX}`, BUILD_MS_MAX);
  await database.alone(`CREATE INDEX CONCURRENTLY ${INDEX} ON ${DEFINITION}`, BUILD_MS_MAX);
  return true;
}

async function hasTrigrams(asked: Pick<Transaction, "all">): Promise<boolean> {
  // By the operator class: an extension in a schema that is not looked through does not help.
  const [row] = await asked.all<{ present: boolean }>(
    `SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_opclass WHERE opcname = 'gin_trgm_ops' AND pg_opclass_is_visible(oid)) AS present`,
  );
  return row?.present === true;
}

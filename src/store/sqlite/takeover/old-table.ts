import type { DatabaseSync } from "node:sqlite";
import { StoreRefused } from "../../../domain/errors.ts";

/** The columns of the older service's table, all of which its rows need. */
export const OLD_COLUMNS = ["message_id", "from_msisdn", "to_msisdn", "ts", "text", "created_at"];
/** The name of the old table once Lyftr has taken it over, if it is kept. */
export const KEPT_NAME = "messages_before_lyftr";
const ROWID_NAMES = ["rowid", "_rowid_", "oid"];

/** The older service's table `messages`, as it was found. */
export interface OldTable {
  /** The spelling there: names in SQLite are not case-sensitive (`Messages` and `messages`). */
  readonly name: string;
  /** The name of its row number; undefined for a table WITHOUT ROWID. */
  readonly rowid: string | undefined;
  /** Its parts that Lyftr does not know, each in a few words. Such a table is kept. */
  readonly unknown: readonly string[];
  /** Indexes that a user created. They contain nothing that the table does not contain. */
  readonly indexes: readonly string[];
}

/**
 * Finds the table of the older service in a database that has no tables of Lyftr yet. Rejects
 * anything else with the name `messages`.
 */
export function findOldTable(db: DatabaseSync): OldTable | undefined {
  const found = db
    .prepare(
      "SELECT name, type, wr FROM pragma_table_list WHERE schema = 'main' AND name = 'messages' COLLATE NOCASE",
    )
    .get();
  if (found === undefined) return undefined;
  const name = String(found.name);
  if (found.type !== "table") throw new StoreRefused(notATable(name, String(found.type)));
  const columns = textsOf(db, "SELECT name FROM pragma_table_xinfo(?)", name);
  const known = columns.map((column) => column.toLowerCase());
  const missing = OLD_COLUMNS.filter((column) => !known.includes(column));
  if (missing.length > 0) {
    throw new StoreRefused(
      `its table "${name}" is not one of the Python service, ${missing.join(", ")} missing: ` +
        "name another file in DATABASE_URL",
    );
  }
  return {
    name,
    rowid: found.wr === 1 ? undefined : ROWID_NAMES.find((alias) => !known.includes(alias)),
    unknown: unknownOf(db, name, columns),
    indexes: textsOf(
      db,
      "SELECT name FROM pragma_index_list(?) WHERE origin = 'c' ORDER BY name",
      name,
    ),
  };
}

/**
 * Rejects a table that would be kept while a view of the database is broken: SQLite would refuse to
 * rename the table because of that view.
 */
export function refuseBrokenViews(db: DatabaseSync, { name, unknown }: OldTable): void {
  if (unknown.length === 0) return;
  for (const view of db
    .prepare("SELECT name FROM sqlite_schema WHERE type = 'view' ORDER BY name")
    .all()) {
    const broken = quoted(String(view.name));
    try {
      db.prepare(`SELECT * FROM ${broken}`);
    } catch (error) {
      throw new StoreRefused(
        `its table "${name}" is to be renamed to ${KEPT_NAME}, and SQLite refuses that while its view ${broken} is ` +
          `broken (${String((error as Error).message)}). Repair that view or drop it (DROP VIEW ${broken}), then start again`,
        { cause: error },
      );
    }
  }
}

/** The names, in lower case, that become free once the table is renamed. */
export function freedNames({ name, unknown, indexes }: OldTable): readonly string[] {
  return [name, ...(unknown.length > 0 ? [] : indexes)].map((each) => each.toLowerCase());
}

/** A name in double quotes, for SQL. */
export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

function notATable(name: string, type: string): string {
  return (
    `"${name}" is a ${type === "view" ? "view" : `${type} table`} there, and only a table of the Python service can ` +
    "be taken over. Put its rows into a table of that name, or name another file in DATABASE_URL"
  );
}

function unknownOf(db: DatabaseSync, name: string, columns: readonly string[]): readonly string[] {
  const extra = columns.filter((column) => !OLD_COLUMNS.includes(column.toLowerCase()));
  const foreign = textsOf(
    db,
    `SELECT DISTINCT "table" AS name FROM pragma_foreign_key_list(?)`,
    name,
  );
  const dependent = textsOf(
    db,
    `SELECT DISTINCT t.name FROM pragma_table_list t JOIN pragma_foreign_key_list(t.name) f
     WHERE t.schema = 'main' AND t.type = 'table' AND f."table" = 'messages' COLLATE NOCASE AND t.name <> ?`,
    name,
  );
  const others = db
    .prepare(
      "SELECT type, name, sql FROM sqlite_schema WHERE type IN ('trigger', 'view', 'table') AND name <> ? ORDER BY name",
    )
    .all(name)
    .filter(
      ({ type, sql }) =>
        /\bmessages\b/i.test(String(sql)) &&
        (type !== "table" || /^\s*CREATE\s+VIRTUAL/i.test(String(sql))),
    );
  return [
    ...extra.map((column) => `the column ${quoted(column)}`),
    ...foreign.map((table) => `a foreign key to the table ${quoted(table)}`),
    ...dependent.map((table) => `a foreign key of the table ${quoted(table)}`),
    ...others.map(({ type, name: other }) => `the ${type} ${quoted(String(other))}`),
  ];
}

function textsOf(db: DatabaseSync, sql: string, name: string): readonly string[] {
  return db
    .prepare(sql)
    .all(name)
    .map((row) => String(row.name));
}

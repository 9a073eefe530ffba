import { DatabaseSync } from "node:sqlite";
import { StoreRefused } from "../../../domain/errors.ts";
import type { Migration } from "../../migrate.ts";
import { quoted } from "./old-table.ts";

const HOW_TO_FREE: Readonly<Record<string, (name: string) => string>> = {
  table: (name) => `ALTER TABLE ${name} RENAME TO …`,
  view: (name) => `DROP VIEW ${name}`,
  index: (name) => `DROP INDEX ${name}`,
  trigger: (name) => `DROP TRIGGER ${name}`,
};

interface Names {
  /** The current schema version; 0 for a database without tables of Lyftr. */
  readonly version: number;
  /** Names that will be free by then. */
  readonly free: readonly string[];
  /** Names that are needed in addition to those of the migrations. */
  readonly alsoNeeded: readonly string[];
}

/**
 * Rejects a database in which another program uses a name that the migrations after `version` need.
 */
export function refuseTakenNames(
  db: DatabaseSync,
  migrations: readonly Migration[],
  { version, free, alsoNeeded }: Names,
): void {
  const before = namesCreatedBy(migrations.slice(0, version));
  const needed = [...namesCreatedBy(migrations), ...alsoNeeded];
  const unavailable = needed.filter((name) => !before.includes(name) && !free.includes(name));
  const taken = db
    .prepare("SELECT type, name FROM sqlite_schema ORDER BY name")
    .all()
    .find(({ name }) => unavailable.includes(String(name).toLowerCase()));
  if (taken === undefined) return;
  const [type, name] = [String(taken.type), quoted(String(taken.name))];
  throw new StoreRefused(
    `it has ${type === "index" ? "an" : "a"} ${type} ${name} of another program, and Lyftr needs that name. ` +
      `Free it (${HOW_TO_FREE[type]?.(name)}) and start again, or name another file in DATABASE_URL`,
  );
}

function namesCreatedBy(migrations: readonly Migration[]): readonly string[] {
  const scratch = new DatabaseSync(":memory:");
  try {
    for (const { sql } of migrations) scratch.exec(sql);
    return scratch
      .prepare(
        "SELECT lower(name) AS name FROM sqlite_schema WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
      )
      .all()
      .map(({ name }) => String(name));
  } finally {
    scratch.close();
  }
}

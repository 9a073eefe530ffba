import { readdirSync, readFileSync } from "node:fs";
import { StoreRefused } from "../domain/errors.ts";

/** One numbered SQL file. A released file is never edited: a change is a new file. */
export interface Migration {
  readonly version: number;
  readonly name: string;
  readonly sql: string;
}

/** The migrations of a folder of `0001_what.sql` files, in order. */
export function readMigrations(folder: URL): readonly Migration[] {
  const names = readdirSync(folder)
    .filter((name) => /^[0-9]{4}_.+\.sql$/.test(name))
    .sort();
  return names.map((name, index) => {
    const version = Number(name.slice(0, 4));
    if (version !== index + 1) throw new Error(`migration ${name} should have number ${index + 1}`);
    return { version, name, sql: readFileSync(new URL(name, folder), "utf8") };
  });
}

/**
 * The migrations that a database at `version` still needs. A newer database is refused, because
 * this version does not know its meaning.
 */
export function pendingMigrations(
  all: readonly Migration[],
  version: number,
): readonly Migration[] {
  if (version > all.length) {
    throw new StoreRefused(
      `the database has schema ${version}, this version of lyftr knows ${all.length}: start the newer lyftr, or restore a backup from before its upgrade`,
    );
  }
  return all.slice(version);
}

/** For a start that must not change the schema: refuses a database that needs migrations. */
export function refusePending(all: readonly Migration[], version: number): void {
  if (pendingMigrations(all, version).length === 0) return;
  const has = version === 0 ? "no tables of Lyftr" : `schema ${version}`;
  throw new StoreRefused(
    `the database has ${has}, this version of lyftr needs schema ${all.length}: run lyftr migrate first, or start without --no-migrate`,
  );
}

/** The schema version that this program creates, for each kind of database. */
export function schemaVersions(): { readonly sqlite: number; readonly postgres: number } {
  const newest = (kind: string) =>
    readMigrations(new URL(`./${kind}/migrations/`, import.meta.url)).length;
  return { sqlite: newest("sqlite"), postgres: newest("postgres") };
}

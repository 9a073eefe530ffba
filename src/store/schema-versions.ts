import { readMigrations } from "./migrate.ts";

/** The schema that this version of the program makes, on each kind of database. */
export function schemaVersions(): { readonly sqlite: number; readonly postgres: number } {
  const newest = (kind: string) => readMigrations(new URL(`./${kind}/migrations/`, import.meta.url)).length;
  return { sqlite: newest("sqlite"), postgres: newest("postgres") };
}

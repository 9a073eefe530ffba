/**
 * What may be done with a database that is opened.
 * - `read`: it exists and has the current schema. No file, no schema and no row is changed.
 * - `write`: it exists and has the current schema. Rows are changed, the schema is not.
 * - `create`: it is created when it is missing, and upgraded when its schema is older.
 */
export type OpenMode = "read" | "write" | "create";

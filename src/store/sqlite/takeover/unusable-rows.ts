import type { DatabaseSync } from "node:sqlite";
import { StoreRefused } from "../../../domain/errors.ts";
import { type OldTable, quoted } from "./old-table.ts";

/**
 * The required columns of a message. `text` may be missing, and a missing `created_at` gets a
 * default.
 */
const NEEDED = ["message_id", "from_msisdn", "to_msisdn", "ts"];

/**
 * Rejects a table of the older service with rows that Lyftr cannot store. No row may be omitted,
 * and only a person can decide which of two rows with the same id is correct. Reads the whole
 * table.
 */
export function refuseUnusableRows(db: DatabaseSync, { name }: Pick<OldTable, "name">): void {
  const table = quoted(name);
  const problems = NEEDED.flatMap((column) => {
    const rows = countOf(db, `SELECT count(*) AS n FROM ${table} WHERE ${column} IS NULL`);
    return rows === 0
      ? []
      : [
          `${rowsInWords(rows)} no ${column} (to see them: SELECT * FROM ${table} WHERE ${column} IS NULL)`,
        ];
  });
  const ids = "CAST(message_id AS TEXT)";
  const again = `SELECT ${ids} FROM ${table} WHERE message_id IS NOT NULL GROUP BY ${ids} HAVING count(*) > 1`;
  const twice = countOf(db, `SELECT count(*) AS n FROM (${again})`);
  if (twice > 0) {
    problems.push(
      `${twice} message_id ${twice === 1 ? "occurs" : "occur"} more than once (to see the rows: ` +
        `SELECT * FROM ${table} WHERE ${ids} IN (${again}) ORDER BY message_id)`,
    );
  }
  if (problems.length === 0) return;
  throw new StoreRefused(
    `its table ${table} of the older service has rows that cannot be taken over: ${problems.join("; ")}. ` +
      "Correct or delete them with sqlite3, then start again. Nothing was changed",
  );
}

function countOf(db: DatabaseSync, sql: string): number {
  return Number(db.prepare(sql).get()?.n);
}

function rowsInWords(rows: number): string {
  return rows === 1 ? "1 row has" : `${rows} rows have`;
}

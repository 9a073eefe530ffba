import type { DatabaseSync } from "node:sqlite";
import { parseReceivedAt } from "../../../domain/received-at.ts";

const ROWS_PER_STEP = 1_000;
const SECOND = "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]";
const THREE_DIGITS = "[0-9][0-9][0-9]";

/** The pattern of a moment to the second, for GLOB. */
export const WHOLE_SECOND = `${SECOND}Z`;

/**
 * The condition that a created_at has the spelling of Lyftr or Python. Only other spellings have to
 * be parsed.
 */
export function isUsual(column: string): string {
  return `(${column} GLOB '${SECOND}.${THREE_DIGITS}Z' OR ${column} GLOB '${SECOND}.${THREE_DIGITS}${THREE_DIGITS}Z')`;
}

/**
 * The time of receipt of a message whose created_at cannot be read. So retention keeps it longest.
 */
export function timeNow(db: DatabaseSync): string {
  return String(db.prepare("SELECT strftime('%Y-%m-%dT%H:%M:%fZ', 'now') AS now").get()?.now);
}

/**
 * Gives every created_at the same spelling. Earlier versions of Lyftr took over the spelling of the
 * older service. Retention, which compares texts, deleted such messages up to a day early. Returns
 * what the operator must know, a sentence each.
 */
export function respellCreatedAt(db: DatabaseSync): readonly string[] {
  const now = timeNow(db);
  const read = db.prepare(
    `SELECT seq, created_at AS createdAt FROM lyftr_messages
     WHERE seq > ? AND NOT ${isUsual("created_at")} ORDER BY seq LIMIT ${ROWS_PER_STEP}`,
  );
  const write = db.prepare("UPDATE lyftr_messages SET created_at = ? WHERE seq = ?");
  let respelt = 0;
  let unreadable = 0;
  for (
    let rows = read.all(Number.MIN_SAFE_INTEGER);
    rows.length > 0;
    rows = read.all(rows.at(-1)?.seq ?? null)
  ) {
    for (const { seq, createdAt } of rows) {
      const receivedAt = parseReceivedAt(String(createdAt));
      write.run(receivedAt ?? now, seq ?? null);
      if (receivedAt === undefined) unreadable++;
      else respelt++;
    }
  }
  return [
    ...(respelt === 0
      ? []
      : [
          `rewrote the created_at of ${respelt} messages as UTC, so that retention compares them correctly`,
        ]),
    ...(unreadable === 0
      ? []
      : [
          `${unreadable} messages had no readable created_at: they count as received now, at ${now}`,
        ]),
  ];
}

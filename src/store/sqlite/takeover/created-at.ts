import type { DatabaseSync } from "node:sqlite";
import { parseReceivedAt } from "../../../domain/received-at.ts";

const ROWS_PER_STEP = 1_000;
const SECOND = "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]";
const THREE_DIGITS = "[0-9][0-9][0-9]";

/** The pattern of a moment to the second, for GLOB. */
export const WHOLE_SECOND = `${SECOND}Z`;

/** Whether a created_at is spelt as Lyftr or Python spells it. Only what is not has to be looked at. */
export function isUsual(column: string): string {
  return `(${column} GLOB '${SECOND}.${THREE_DIGITS}Z' OR ${column} GLOB '${SECOND}.${THREE_DIGITS}${THREE_DIGITS}Z')`;
}

/** The time at which a message counts as received when its created_at cannot be read: retention then keeps it longest. */
export function timeNow(db: DatabaseSync): string {
  return String(db.prepare("SELECT strftime('%Y-%m-%dT%H:%M:%fZ', 'now') AS now").get()?.now);
}

/**
 * Spells every created_at in one way. Versions of Lyftr before took over what the older service had
 * written, and retention, which compares texts, deleted such messages up to a day early. Returns what
 * the operator must know, a sentence each.
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
  for (let rows = read.all(Number.MIN_SAFE_INTEGER); rows.length > 0; rows = read.all(rows.at(-1)?.seq ?? null)) {
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
      : [`wrote the created_at of ${respelt} messages as UTC, so that retention compares them right`]),
    ...(unreadable === 0
      ? []
      : [`${unreadable} messages had no readable created_at: they count as received now, at ${now}`]),
  ];
}

import type { Message } from "../api/messages.ts";
import { instantOfText, type MomentFormat } from "../text/moments.ts";
import { startOfDay } from "../text/zones.ts";
import type { Row } from "./list.ts";

/** The rows of one day, in the reader's zone. Rows without a possible timestamp are one group. */
export interface Day {
  readonly key: string;
  /** An instant of the day; NaN of the undated. */
  readonly at: number;
  readonly rows: readonly Row<Message>[];
}

/**
 * Groups rows, which are newest first, by days. `Intl` is asked once a day instead of once a row:
 * it takes long.
 */
export function daysOf(rows: readonly Row<Message>[], format: MomentFormat): readonly Day[] {
  const days: { key: string; at: number; since: number; rows: Row<Message>[] }[] = [];
  for (const row of rows) {
    const last = days.at(-1);
    if (last !== undefined && row.at >= last.since && row.at <= last.at) {
      last.rows.push(row);
      continue;
    }
    const isDated = !Number.isNaN(row.at);
    const key = isDated ? format.dayKey(row.at) : "undated";
    const since = isDated ? startOfDay(row.at, format.zone) : Number.NaN;
    if (last?.key === key) last.rows.push(row);
    else days.push({ key, at: row.at, since, rows: [row] });
  }
  return days;
}

/**
 * The key of the first row that the reader knows from the last visit, if rows above it came since.
 */
export function knownSince(rows: readonly Row<Message>[], lastVisit: string): string | undefined {
  const visit = instantOfText(lastVisit);
  if (visit === undefined) return undefined;
  const at = rows.findIndex(({ message }) => (instantOfText(message.created_at) ?? 0) <= visit);
  return at > 0 ? rows[at]?.key : undefined;
}

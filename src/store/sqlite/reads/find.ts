import { StoreDamaged } from "../../../domain/errors.ts";
import type { MessageQuery } from "../../../domain/message-query.ts";
import { type PageRead, type PageRows, pageOf, pageReadOf, readUpTo } from "../../page.ts";
import type { MessagePage, StoredMessage } from "../../store.ts";
import { type ListEntry, MESSAGE_FIELDS } from "../sql.ts";
import type { Statements } from "../statements.ts";
import { mergedEntries } from "./merged.ts";
import { PLAN_BOUNDS, type Plan, planFor } from "./plan.ts";
import type { Snapshot } from "./snapshot.ts";

/** Reads a page by the plan of {@link planFor}. */
export function find(snapshot: Snapshot, query: MessageQuery, bounds = PLAN_BOUNDS): MessagePage {
  const read = pageReadOf(query);
  const plan = planFor({ ...read, snapshot, filter: query.filter, bounds });
  const total = read.exact ? plan.counting.count(read.range) + plan.tail.count(read.range) : null;
  const rows = rowsOf(plan, read, bounds.walkedRowsMax);
  return pageOf(query, { ...rows, total }, ({ seq }) => messageAt(snapshot.statements, seq));
}

function rowsOf(
  plan: Plan,
  read: PageRead,
  walkedRowsMax: number,
): Omit<PageRows<ListEntry>, "total"> {
  const { rest, slice, stepwise } = read;
  const { list, walked } = plan.paging(slice.offset + slice.limit);
  const stopAt = { reverse: slice.reverse, offset: walkedRowsMax - 1, limit: 1 };
  const [stop] = stepwise && walked !== undefined ? walked.entries(rest, stopAt) : [];
  if (stop === undefined) return { rows: mergedEntries(list, plan.tail, rest, slice) };
  return { rows: mergedEntries(list, plan.tail, readUpTo(read, stop), slice), stoppedAt: stop };
}

export function messageAt(statements: Statements, seq: number): StoredMessage {
  const row = statements.get<StoredMessage>(
    `SELECT ${MESSAGE_FIELDS} FROM lyftr_messages WHERE seq = ?`,
    [seq],
  );
  if (row === undefined) throw new StoreDamaged("an index names a message that is not there");
  return checked(row);
}

/**
 * SQLite returns what is in the file: a damaged byte can turn a text into a number, bytes, or
 * nothing.
 */
function checked(row: StoredMessage): StoredMessage {
  for (const [name, value] of Object.entries(row)) {
    if (typeof value !== "string" && !(name === "text" && value === null))
      throw new StoreDamaged("a stored message has a value of the wrong kind");
  }
  return row;
}

/**
 * The message with an id. If several sources have the id and no source is given, the first source
 * by bytes.
 */
export function findOne(
  statements: Statements,
  { messageId, source }: { messageId: string; source?: string },
): StoredMessage | undefined {
  const [condition, values] = source === undefined ? ["", []] : ["AND source = ?", [source]];
  const row = statements.get<StoredMessage>(
    `SELECT ${MESSAGE_FIELDS} FROM lyftr_messages WHERE message_id = ? ${condition} ORDER BY source LIMIT 1`,
    [messageId, ...values],
  );
  return row && checked(row);
}

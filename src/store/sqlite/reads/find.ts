import { StoreDamaged } from "../../../domain/errors.ts";
import type { MessageId } from "../../../domain/message.ts";
import type { Place } from "../../../domain/message-filter.ts";
import type { MessageQuery } from "../../../domain/message-query.ts";
import type { Instant } from "../../../domain/timestamp.ts";
import type { MessagePage, StoredMessage } from "../../store.ts";
import { boundAt, boundBehind, compareBounds, type Entry, type Key, type Range } from "../key.ts";
import type { Statements } from "../statements.ts";
import { rangeOf } from "./conditions.ts";
import { mergedEntries } from "./merged.ts";
import { PLAN_BOUNDS, type Plan, planFor } from "./plan.ts";
import type { Snapshot } from "./snapshot.ts";

const MESSAGE = `source, message_id AS messageId, from_msisdn AS "from", to_msisdn AS "to", ts, text, created_at AS createdAt`;

/** A page, and what it needs to be shown: the way is chosen by {@link planFor}. */
export function find(snapshot: Snapshot, query: MessageQuery, bounds = PLAN_BOUNDS): MessagePage {
  const { filter, offset, limit, place, count } = query;
  const range = rangeOf(filter);
  const exact = count === "exact";
  const stepwise = !exact && offset === 0;
  const plan = planFor({ snapshot, filter, range, exact, stepwise, bounds });
  const total = exact ? plan.counting.count(range) + plan.tail.count(range) : null;
  const { entries, stoppedAt } = entriesOf(plan, range, query, stepwise ? bounds.walkedRowsMax : undefined);
  const backwards = place?.side === "before";
  const page = backwards ? entries.slice(0, limit).toReversed() : entries.slice(0, limit);
  const [first, last] = [page[0], page.at(-1)];
  // Where the list goes on in the direction in which it was read, and where it came from.
  const onward = entries.length > limit ? (backwards ? first : last) : stoppedAt;
  const behind = place !== undefined || offset > 0 ? (backwards ? last : first) : undefined;
  const [next, previous] = backwards ? [behind, onward] : [onward, behind];
  return {
    messages: page.map(({ seq }) => messageAt(snapshot.statements, seq)),
    total,
    next: next === undefined ? null : { position: positionOf(next), side: "after" },
    previous: previous === undefined ? null : { position: positionOf(previous), side: "before" },
  };
}

interface Found {
  /** One more than the limit, if there are, so that it is known whether the list goes on; in the order in which it was read. */
  readonly entries: readonly Entry[];
  /** The message up to which the list was read, when that was not its end. */
  readonly stoppedAt?: Entry | undefined;
}

function entriesOf(plan: Plan, range: Range, query: MessageQuery, walkedRowsMax: number | undefined): Found {
  const { order, offset, limit, place } = query;
  const reverse = place === undefined ? order === "desc" : (order === "desc") === (place.side === "after");
  const rest = place === undefined ? range : besides(range, place, reverse);
  const { list, walked } = plan.paging(offset + limit + 1);
  const slice = { reverse, offset, limit: limit + 1 };
  const [stop] =
    walkedRowsMax === undefined ? [] : (walked?.entries(rest, { reverse, offset: walkedRowsMax - 1, limit: 1 }) ?? []);
  if (stop === undefined) return { entries: mergedEntries(list, plan.tail, rest, slice) };
  const step = reverse ? { lo: boundAt(stop), hi: rest.hi } : { lo: rest.lo, hi: boundBehind(stop) };
  return { entries: mergedEntries(list, plan.tail, step, slice), stoppedAt: stop };
}

/** The part of a range that lies on one side of a place. */
function besides({ lo, hi }: Range, { position }: Place, reverse: boolean): Range {
  return reverse ? { lo, hi: lower(hi, boundAt(position)) } : { lo: higher(lo, boundBehind(position)), hi };
}

function lower(a: Range["lo"], b: Range["lo"]): Range["lo"] {
  return compareBounds(a, b) < 0 ? a : b;
}

function higher(a: Range["lo"], b: Range["lo"]): Range["lo"] {
  return compareBounds(a, b) > 0 ? a : b;
}

function positionOf({ instant, messageId, source }: Key): Place["position"] {
  return { instant: instant as Instant, messageId: messageId as MessageId, source };
}

export function messageAt(statements: Statements, seq: number): StoredMessage {
  const row = statements.get<StoredMessage>(`SELECT ${MESSAGE} FROM lyftr_messages WHERE seq = ?`, [seq]);
  if (row === undefined) throw new StoreDamaged("an index names a message that is not there");
  return checked(row);
}

/** SQLite gives back whatever is in the file: a damaged byte can make a text a number, bytes, or nothing. */
function checked(row: StoredMessage): StoredMessage {
  for (const [name, value] of Object.entries(row)) {
    if (typeof value !== "string" && !(name === "text" && value === null))
      throw new StoreDamaged("a stored message has a value of the wrong kind");
  }
  return row;
}

/** The message of an id; of several sources the first by bytes, unless one is named. */
export function findOne(
  statements: Statements,
  { messageId, source }: { messageId: string; source?: string },
): StoredMessage | undefined {
  const [condition, values] = source === undefined ? ["", []] : ["AND source = ?", [source]];
  const row = statements.get<StoredMessage>(
    `SELECT ${MESSAGE} FROM lyftr_messages WHERE message_id = ? ${condition} ORDER BY source LIMIT 1`,
    [messageId, ...values],
  );
  return row && checked(row);
}

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
  const plan = planFor({ snapshot, filter, range, exact: count === "exact", bounds });
  const total = count === "exact" ? plan.counting.count(range) + plan.tail.count(range) : null;
  const entries = place === undefined ? pageAt(plan, range, query) : pageFrom(plan, range, query, place);
  const backwards = place?.side === "before";
  const page = backwards ? entries.slice(0, limit).toReversed() : entries.slice(0, limit);
  const more = entries.length > limit;
  const [first, last] = [page[0], page.at(-1)];
  return {
    messages: page.map(({ seq }) => messageAt(snapshot.statements, seq)),
    total,
    next: (backwards || more) && last !== undefined ? { position: positionOf(last), side: "after" } : null,
    previous:
      (backwards ? more : place !== undefined || offset > 0) && first !== undefined
        ? { position: positionOf(first), side: "before" }
        : null,
  };
}

/** One more than the limit, so that it is known whether the list goes on. */
function pageAt(plan: Plan, range: Range, { order, offset, limit }: MessageQuery): readonly Entry[] {
  const slice = { reverse: order === "desc", offset, limit: limit + 1 };
  return mergedEntries(plan.paging(offset + limit + 1), plan.tail, range, slice);
}

/** The entries on one side of a place, those next to it first. */
function pageFrom(plan: Plan, range: Range, { order, limit }: MessageQuery, place: Place): readonly Entry[] {
  const reverse = (order === "desc") === (place.side === "after");
  const rest = reverse
    ? { lo: range.lo, hi: lower(range.hi, boundAt(place.position)) }
    : { lo: higher(range.lo, boundBehind(place.position)), hi: range.hi };
  return mergedEntries(plan.paging(limit + 1), plan.tail, rest, { reverse, offset: 0, limit: limit + 1 });
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
  const row = statements.get<StoredMessage>(`SELECT ${MESSAGE} FROM messages WHERE seq = ?`, [seq]);
  if (row === undefined) throw new Error("the read index names a message that is not there");
  return row;
}

/** The message of an id; of several sources the first by bytes, unless one is named. */
export function findOne(
  statements: Statements,
  { messageId, source }: { messageId: string; source?: string },
): StoredMessage | undefined {
  const [condition, values] = source === undefined ? ["", []] : ["AND source = ?", [source]];
  return statements.get<StoredMessage>(
    `SELECT ${MESSAGE} FROM messages WHERE message_id = ? ${condition} ORDER BY source LIMIT 1`,
    [messageId, ...values],
  );
}

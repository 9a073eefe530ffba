import type { MessageFilter } from "../../../domain/message-filter.ts";
import type { PageRead } from "../../page.ts";
import { requireScannable, SCAN_LIMITS, type ScanLimits, tooManyRows } from "../../read-limits.ts";
import { type SearchExpression, searchExpression } from "../index/searchable.ts";
import { textTestOf } from "./conditions.ts";
import { CountedList } from "./counted-list.ts";
import { FilteredList } from "./filtered-list.ts";
import type { IndexedList } from "./merged.ts";
import { PlainList } from "./plain-list.ts";
import { SearchList } from "./search-list.ts";
import type { Snapshot } from "./snapshot.ts";
import { NO_TAIL, type Tail, tailOf } from "./tail.ts";

/** When which way is taken, in messages. */
export interface PlanBounds extends ScanLimits {
  /** Every read looks through the tail; a longer one is left to the plain list. */
  readonly tailRowsMax: number;
  /** The longest part, in code points, that is looked for as one phrase whatever it costs. */
  readonly phraseMax: number;
  /** How many grams a longer phrase may compare with texts: about a second. */
  readonly phraseGramsMax: number;
  /** Below this nobody notices which way was taken. */
  readonly fewRows: number;
}

export const PLAN_BOUNDS: PlanBounds = {
  ...SCAN_LIMITS,
  tailRowsMax: 20_000,
  phraseMax: 24,
  phraseGramsMax: 20_000_000,
  fewRows: 2_000,
};

/** Looking at one match takes as long as looking at so many messages: it lies anywhere, they lie side by side. */
const MATCH_COST = 2;

export interface PagingWay {
  readonly list: IndexedList;
  /** The list whose messages have to be looked at one by one. */
  readonly walked?: CountedList;
}

/** The ways to an answer. They differ in what they cost, never in what they say. */
export interface Plan {
  readonly counting: IndexedList;
  /** For a page that ends `passed` matches behind the beginning of the list. */
  readonly paging: (passed: number) => PagingWay;
  readonly tail: Tail;
}

/** What is asked, and how far an answer may go. */
interface PlanQuery extends Pick<PageRead, "range" | "exact" | "stepwise"> {
  readonly snapshot: Snapshot;
  readonly filter: MessageFilter;
  readonly bounds: PlanBounds;
}

export function planFor(question: PlanQuery): Plan {
  const { snapshot, filter, range, bounds } = question;
  const backlog = snapshot.statements.number("SELECT max(seq) FROM lyftr_messages") - snapshot.indexedSeq;
  if (backlog <= 0) return { ...indexedPlan(question), tail: NO_TAIL };
  if (backlog > bounds.tailRowsMax) {
    const plain = new PlainList(snapshot, filter);
    return { counting: plain, paging: () => ({ list: plain }), tail: NO_TAIL };
  }
  return { ...indexedPlan(question), tail: tailOf(snapshot, filter, range) };
}

function indexedPlan(question: PlanQuery): Omit<Plan, "tail"> {
  const { snapshot, filter, range, exact, bounds } = question;
  const base = new CountedList(snapshot, filter.from ?? "");
  const { from: _sender, ...conditions } = filter;
  if (conditions.to === undefined && conditions.source === undefined && conditions.q === undefined) {
    return { counting: base, paging: () => ({ list: base }) };
  }
  const filtered = new FilteredList(snapshot, base, filter);
  if (filtered.indexed) return { counting: filtered, paging: () => ({ list: filtered }) };
  const walk = { list: filtered, walked: base };
  const rows = base.count(range);
  const few = rows <= bounds.fewRows;
  const expression =
    filter.q === undefined || few ? undefined : searchExpression(snapshot.statements, filter.q, bounds.phraseMax);
  if (expression === undefined) {
    if (exact) requireScannable(rows, filter, bounds);
    return { counting: filtered, paging: () => walk };
  }
  return searchPlan(question, rows, { walk, search: searchListOf(question, expression) });
}

/**
 * A phrase takes its time for each of its grams in each text that has them all, in one statement that cannot be
 * stopped: 11 s for one of 256 characters like "the the the" in 900,000 texts. Where it is too much, pieces of the
 * phrase say which texts to look at.
 */
function searchListOf({ snapshot, filter, bounds }: PlanQuery, { exact, grams, pieces }: SearchExpression): SearchList {
  const whole = new SearchList(snapshot, exact, { filter, has: undefined });
  if (pieces === undefined) return whole;
  const candidates = new SearchList(snapshot, pieces, { filter, has: textTestOf(filter) });
  return candidates.matches() * grams <= bounds.phraseGramsMax ? whole : candidates;
}

/** `rows` is how many messages the sender and the span of time have that are asked for. */
function searchPlan(
  question: PlanQuery,
  rows: number,
  { walk, search }: { walk: PagingWay; search: SearchList },
): Omit<Plan, "tail"> {
  const { snapshot, filter, exact, stepwise, bounds } = question;
  const matches = search.matches();
  const everywhere =
    search.exact && rows === snapshot.indexedMessages && filter.to === undefined && filter.source === undefined;
  const cost = Math.min(MATCH_COST * matches, rows);
  if (exact && !everywhere && cost > bounds.scannedTextsMax) throw tooManyRows(rows, filter, bounds.scannedTextsMax);
  return {
    // The search index alone tells how many texts there are; which of them are a sender's, or of a span, only their rows.
    counting: everywhere || cost < rows ? search : walk.list,
    paging: (passed) => {
      // How far to walk, if the matches lie as thick there as everywhere.
      const walked = (passed * snapshot.indexedMessages) / Math.max(1, matches);
      const sorted = MATCH_COST * matches;
      if (sorted <= Math.max(bounds.fewRows, walked) && sorted <= bounds.scannedTextsMax) return { list: search };
      if (!stepwise && Math.min(walked, rows) > bounds.scannedTextsMax)
        throw tooManyRows(rows, filter, bounds.scannedTextsMax);
      return walk;
    },
  };
}

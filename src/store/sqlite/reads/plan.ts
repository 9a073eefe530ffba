import type { MessageFilter } from "../../../domain/message-filter.ts";
import type { PageRead } from "../../page.ts";
import { requireScannable, SCAN_LIMITS, type ScanLimits, tooManyRows } from "../../read-limits.ts";
import { type SearchExpression, searchExpression } from "../index/searchable.ts";
import { conditionsOf, textTestOf } from "./conditions.ts";
import { CountedList } from "./counted-list.ts";
import { FilteredList } from "./filtered-list.ts";
import type { IndexedList } from "./merged.ts";
import { PlainList } from "./plain-list.ts";
import { SearchList } from "./search-list.ts";
import type { Snapshot } from "./snapshot.ts";
import { NO_TAIL, type Tail, tailOf } from "./tail.ts";

/** The limits, in messages, that decide how a page is read. */
export interface PlanBounds extends ScanLimits {
  /** Every read scans the tail. With a longer tail the plain list is used. */
  readonly tailRowsMax: number;
  /** The longest part, in code points, that is always searched as one phrase. */
  readonly phraseMax: number;
  /** How many grams a longer phrase may compare with texts: about a second. */
  readonly phraseGramsMax: number;
  /** With fewer rows the choice makes no difference. */
  readonly fewRows: number;
}

export const PLAN_BOUNDS: PlanBounds = {
  ...SCAN_LIMITS,
  tailRowsMax: 20_000,
  phraseMax: 24,
  phraseGramsMax: 20_000_000,
  fewRows: 2_000,
};

/**
 * Reading one match costs as much as scanning this many messages, because matches are scattered and
 * a scan is sequential.
 */
const MATCH_COST = 2;

export interface PagePlan {
  readonly list: IndexedList;
  /** The list whose messages have to be read one by one. */
  readonly walked?: CountedList;
}

/** The ways to answer a query. They differ in cost, never in the result. */
export interface Plan {
  readonly counting: IndexedList;
  /** For a page that ends `passed` matches after the beginning of the list. */
  readonly paging: (passed: number) => PagePlan;
  readonly tail: Tail;
}

/** The query and its limits. */
interface PlanQuery extends Pick<PageRead, "range" | "exact" | "stepwise" | "slice"> {
  readonly snapshot: Snapshot;
  readonly filter: MessageFilter;
  readonly bounds: PlanBounds;
}

export function planFor(question: PlanQuery): Plan {
  const { snapshot, filter, range, exact, slice, bounds } = question;
  if (!exact && slice.offset === 0 && conditionsOf(filter).sql === "1") {
    // The order of all messages is an index beside them, which contains the tail too.
    const all = new CountedList({ ...snapshot, indexedSeq: Number.MAX_SAFE_INTEGER }, "");
    return { counting: all, paging: () => ({ list: all }), tail: NO_TAIL };
  }
  const backlog =
    snapshot.statements.number("SELECT max(seq) FROM lyftr_messages") - snapshot.indexedSeq;
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
  if (
    conditions.to === undefined &&
    conditions.source === undefined &&
    conditions.q === undefined
  ) {
    return { counting: base, paging: () => ({ list: base }) };
  }
  const filtered = new FilteredList(snapshot, base, filter);
  if (filtered.indexed) return { counting: filtered, paging: () => ({ list: filtered }) };
  const walk = { list: filtered, walked: base };
  const rows = base.count(range);
  const few = rows <= bounds.fewRows;
  const expression =
    filter.q === undefined || few
      ? undefined
      : searchExpression(snapshot.statements, filter.q, bounds.phraseMax);
  if (expression === undefined) {
    if (exact) requireScannable(rows, filter, bounds);
    return { counting: filtered, paging: () => walk };
  }
  return searchPlan(question, rows, { walk, search: searchListOf(question, expression) });
}

/**
 * A phrase costs time for each of its grams in each text that contains them all. It is one
 * statement, which cannot be stopped. With 256 characters like "the the the" it took 11 s in
 * 900,000 texts. If that is too much, pieces of the phrase select the texts to read.
 */
function searchListOf(
  { snapshot, filter, bounds }: PlanQuery,
  { exact, grams, pieces }: SearchExpression,
): SearchList {
  const whole = new SearchList(snapshot, exact, { filter, has: undefined });
  if (pieces === undefined) return whole;
  const candidates = new SearchList(snapshot, pieces, { filter, has: textTestOf(filter) });
  return candidates.matches() * grams <= bounds.phraseGramsMax ? whole : candidates;
}

/** `rows` is the number of messages of the sender and the time span of the query. */
function searchPlan(
  question: PlanQuery,
  rows: number,
  { walk, search }: { walk: PagePlan; search: SearchList },
): Omit<Plan, "tail"> {
  const { snapshot, filter, exact, stepwise, bounds } = question;
  const matches = search.matches();
  const everywhere =
    search.exact &&
    rows === snapshot.indexedMessages &&
    filter.to === undefined &&
    filter.source === undefined;
  const cost = Math.min(MATCH_COST * matches, rows);
  if (exact && !everywhere && cost > bounds.scannedTextsMax)
    throw tooManyRows(rows, filter, bounds.scannedTextsMax);
  return {
    // The search index alone gives the number of matching texts. Whether they belong to the sender
    // or the span, only their rows tell.
    counting: everywhere || cost < rows ? search : walk.list,
    paging: (passed) => {
      // How far to scan, if the matches are as dense there as everywhere.
      const walked = (passed * snapshot.indexedMessages) / Math.max(1, matches);
      const sorted = MATCH_COST * matches;
      if (sorted <= Math.max(bounds.fewRows, walked) && sorted <= bounds.scannedTextsMax)
        return { list: search };
      if (!stepwise && Math.min(walked, rows) > bounds.scannedTextsMax)
        throw tooManyRows(rows, filter, bounds.scannedTextsMax);
      return walk;
    },
  };
}

import { DEFAULT_SOURCE } from "../route.ts";
import { instantOfText } from "../text/moments.ts";
import { toUtcText } from "../text/zones.ts";

// The loaded part of a list of messages, newest first, and how pages are merged into it. It is one
// contiguous part: pages are added at its ends, and what is too much is cut at the other end. So a
// page holds at most ROWS_MAX rows, whatever is stored. Everything here is pure.

export const ROWS_MAX = 500;

/** What a row needs of a message. */
interface Listed {
  readonly message_id: string;
  readonly source?: string;
  readonly ts: string;
}

export interface Row<M extends Listed> {
  readonly key: string;
  readonly message: M;
  /** The instant of `ts`, in milliseconds; NaN for a timestamp that is not one. */
  readonly at: number;
}

/** How the list continues beyond an end. */
export type Edge =
  | { readonly kind: "end" }
  /** A cursor belongs to the span of time that it was given for. */
  | { readonly kind: "cursor"; readonly cursor: string; readonly span: Span }
  /** Rows were cut here: the list is asked for by the moment of the row at this end. */
  | { readonly kind: "row" };

/** Narrows the filter of the list, to continue it from a row. Moments are in UTC. */
export interface Span {
  readonly since?: string;
  readonly until?: string;
}

/** What to ask for, to continue a list at one of its ends. */
export interface Continuation {
  readonly order: "asc" | "desc";
  readonly span: Span;
  readonly cursor?: string;
}

export interface List<M extends Listed> {
  readonly rows: readonly Row<M>[];
  readonly top: Edge;
  readonly bottom: Edge;
  /** How many rows were cut above. */
  readonly cutAbove: number;
  /** The newest row that the reader has seen at the top, which news is counted from. */
  readonly newest: Row<M> | undefined;
}

export interface Page<M extends Listed> {
  readonly data: readonly M[];
  readonly next_cursor: string | null;
}

export interface Merged<M extends Listed> {
  readonly list: List<M>;
  /** The rows that were not there before. */
  readonly fresh: readonly Row<M>[];
}

const END: Edge = { kind: "end" };

/** A list that begins with its first page. */
export function listOf<M extends Listed>(page: Page<M>): List<M> {
  const rows = page.data.map(rowOf);
  return { rows, top: END, bottom: edgeAfter(page), cutAbove: 0, newest: rows[0] };
}

export function rowOf<M extends Listed>(message: M): Row<M> {
  const at = instantOfText(message.ts) ?? Number.NaN;
  return { key: keyOf(message.source ?? DEFAULT_SOURCE, message.message_id), message, at };
}

/** The key of a message's row. A source has no slash. */
export function keyOf(source: string, id: string): string {
  return `${source}/${id}`;
}

/**
 * Merges a newer first page into a list whose top is loaded. The page says what stands above its
 * last row; below it the rows stay. Without a row in common there may be a gap, so the list begins
 * again with the page.
 */
export function mergeHead<M extends Listed>(list: List<M>, page: Page<M>): Merged<M> {
  const head = page.data.map(rowOf);
  const known = new Map(list.rows.map((row) => [row.key, row]));
  const fresh = head.filter((row) => !known.has(row.key));
  const last = head.at(-1);
  const isWhole = page.next_cursor === null;
  if (last === undefined && !isWhole) return { list, fresh: [] };
  // Known rows stay the same objects, so that they are not drawn again.
  const kept = head.map((row) => same(known.get(row.key), row));
  if (last === undefined || isWhole || fresh.length === head.length)
    return { list: { ...listOf(page), rows: kept, newest: kept[0] }, fresh };
  const below = list.rows.filter((row) => isBefore(last, row));
  const bottom = below.length === 0 ? edgeAfter(page) : list.bottom;
  return {
    list: cutBottom({ ...list, rows: [...kept, ...below], bottom, newest: kept[0] }),
    fresh,
  };
}

/** Adds the page that follows at the bottom. */
export function addBelow<M extends Listed>(list: List<M>, page: Page<M>, span: Span = {}): List<M> {
  const last = list.rows.at(-1);
  const rows = page.data.map(rowOf).filter((row) => last === undefined || isBefore(last, row));
  const all = { ...list, rows: [...list.rows, ...rows], bottom: edgeAfter(page, span) };
  const cut = all.rows.length - ROWS_MAX;
  if (cut <= 0) return all;
  return {
    ...all,
    rows: all.rows.slice(cut),
    top: { kind: "row" },
    cutAbove: list.cutAbove + cut,
  };
}

/** Adds a page above. It was asked for with the oldest first, beginning at the first row. */
export function addAbove<M extends Listed>(list: List<M>, page: Page<M>, span: Span = {}): List<M> {
  const first = list.rows[0];
  const rows = page.data
    .map(rowOf)
    .reverse()
    .filter((row) => first === undefined || isBefore(row, first));
  const top = edgeAfter(page, span);
  const cutAbove = top.kind === "end" ? 0 : Math.max(0, list.cutAbove - rows.length);
  return cutBottom({ ...list, rows: [...rows, ...list.rows], top, cutAbove });
}

/** What to ask for, to add rows at an end. Undefined if nothing is missing there. */
export function continuation(list: List<Listed>, side: "top" | "bottom"): Continuation | undefined {
  const edge = list[side];
  const order = side === "top" ? "asc" : "desc";
  if (edge.kind === "end") return undefined;
  if (edge.kind === "cursor") return { order, span: edge.span, cursor: edge.cursor };
  const at = (side === "top" ? list.rows[0] : list.rows.at(-1))?.at ?? Number.NaN;
  if (Number.isNaN(at)) return undefined;
  // `until` is exclusive: one millisecond more has all rows of the same instant in it.
  const span = side === "top" ? { since: toUtcText(at) } : { until: toUtcText(at + 1) };
  return { order, span };
}

/** How many rows of a first page stand above what the reader has seen at the top. */
export function countNews<M extends Listed>(list: List<M>, page: Page<M>): number {
  const { newest } = list;
  const head = page.data.map(rowOf);
  return newest === undefined ? head.length : head.filter((row) => isBefore(row, newest)).length;
}

/** Whether a row stands above another: newest first, then by the bytes of id and source. */
export function isBefore(a: Row<Listed>, b: Row<Listed>): boolean {
  return compare(b, a) < 0;
}

function compare(a: Row<Listed>, b: Row<Listed>): number {
  const [x, y] = [sortable(a), sortable(b)];
  if (x !== y) return x < y ? -1 : 1;
  return (
    compareBytes(a.message.message_id, b.message.message_id) ||
    compareBytes(a.message.source ?? DEFAULT_SOURCE, b.message.source ?? DEFAULT_SOURCE)
  );
}

/** Timestamps have up to nine digits of a second; a number has only three of them. */
function sortable({ at, message }: Row<Listed>): bigint {
  if (Number.isNaN(at)) return -(10n ** 30n);
  const fraction = /\.(\d+)/.exec(message.ts)?.[1] ?? "";
  return BigInt(Math.floor(at)) * 1_000_000n + BigInt(fraction.slice(3, 9).padEnd(6, "0"));
}

/** The order of UTF-8 bytes is that of code points. */
function compareBytes(a: string, b: string): number {
  if (a === b) return 0;
  const [x, y] = [[...a], [...b]];
  for (const [at, left] of x.entries()) {
    const right = y[at];
    if (right === undefined) return 1;
    const difference = (left.codePointAt(0) ?? 0) - (right.codePointAt(0) ?? 0);
    if (difference !== 0) return difference;
  }
  return -1;
}

function cutBottom<M extends Listed>(list: List<M>): List<M> {
  if (list.rows.length <= ROWS_MAX) return list;
  return { ...list, rows: list.rows.slice(0, ROWS_MAX), bottom: { kind: "row" } };
}

function edgeAfter(page: Page<Listed>, span: Span = {}): Edge {
  if (page.next_cursor === null) return END;
  return { kind: "cursor", cursor: page.next_cursor, span };
}

function same<M extends Listed>(before: Row<M> | undefined, now: Row<M>): Row<M> {
  return before !== undefined && before.message.ts === now.message.ts ? before : now;
}

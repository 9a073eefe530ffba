import type { ListPosition } from "../../../domain/message-filter.ts";
import type { MessageQuery } from "../../../domain/message-query.ts";
import { type PageRows, pageOf, readUpTo } from "../../page.ts";
import { requireScannable, SCAN_LIMITS, type ScanLimits } from "../../read-limits.ts";
import type { MessagePage, StoredMessage } from "../../store.ts";
import type { Database } from "../database.ts";
import { IS_NOT_NFC, isIndexable, isStorable } from "../index/searchable.ts";
import { inTail } from "../index/streams.ts";
import {
  BY_ANY_INDEX,
  BY_SEARCH_INDEX,
  BY_TABLE,
  DESCENDING,
  every,
  inList,
  inRange,
  MESSAGE_FIELDS,
  numberOf,
  POSITION_COLUMNS,
  POSITION_FIELDS,
  Values,
} from "../sql.ts";
import { CountedList } from "./counted-list.ts";
import { conditions, isWholeSource, type PageQuery, pageQueryOf } from "./page-query.ts";
import type { Snapshot } from "./snapshot.ts";

/** The limits, in messages, that decide how a page is read. */
export interface FindBounds extends ScanLimits {
  /** Up to this many matches are sorted instead of scanning the list. */
  readonly sortedMatchesMax: number;
  /**
   * This many index entries are scanned in about a millisecond, so a smaller offset does not need
   * the blocks.
   */
  readonly offsetWalkedMax: number;
}

export const FIND_BOUNDS: FindBounds = {
  ...SCAN_LIMITS,
  sortedMatchesMax: 20_000,
  offsetWalkedMax: 1_000,
};

type Row = StoredMessage & { readonly instant: string };
type Found = PageRows<Row>;

/** Reads a page. */
export async function find(
  snapshot: Snapshot,
  query: MessageQuery,
  bounds = FIND_BOUNDS,
): Promise<MessagePage> {
  const found = await rowsOf(snapshot, query, bounds);
  return pageOf(query, found, ({ instant: _position, ...message }) => message);
}

async function rowsOf(snapshot: Snapshot, query: MessageQuery, bounds: FindBounds): Promise<Found> {
  const { filter, count } = query;
  // A value that the database cannot store matches nothing.
  const { from = "", to = "", source = "", q = "" } = filter;
  if (![from, to, source, q].every(isStorable))
    return { rows: [], total: count === "exact" ? 0 : null };
  const question = pageQueryOf(query, q !== "" && (await hasOldForms(snapshot)));
  if (!question.narrowed) return plainRows(snapshot, question, bounds);
  if (q !== "" && isIndexable(q, snapshot.searchIndex)) {
    const few = question.exact || (await hasFewMatches(snapshot, question, bounds));
    if (few) return searchedRows(snapshot, question);
  }
  return walkedRows(snapshot, question, bounds);
}

/**
 * Whether there are texts in another form than that of the search. The index that answers this is
 * empty once they are converted.
 */
async function hasOldForms({ tx, oldFormsIndexed }: Snapshot): Promise<boolean> {
  if (!oldFormsIndexed) return false;
  return (await tx.all(`SELECT 1 FROM messages WHERE ${IS_NOT_NFC} LIMIT 1`)).length > 0;
}

/** A whole list, or a part of it, counted by its blocks. */
async function plainRows(
  snapshot: Snapshot,
  question: PageQuery,
  { offsetWalkedMax }: FindBounds,
): Promise<Found> {
  const list = new CountedList(snapshot, question.list);
  const page = async () => {
    const { range, slice } = await list.jump(question.rest, question.slice, offsetWalkedMax);
    const rows = await select(snapshot, { ...question, rest: range, slice });
    // A position far from the beginning of a reversed list was reached from its end.
    return slice.reverse === question.slice.reverse ? rows : rows.toReversed();
  };
  const [rows, total] = await Promise.all([
    page(),
    question.exact ? list.count(question.range) : null,
  ]);
  return { rows, total };
}

function select({ tx }: Snapshot, question: PageQuery): Promise<readonly Row[]> {
  const { rest, slice } = question;
  const values = new Values();
  const where = every([...conditions(question, values), ...inRange(rest, values)]);
  return tx.all<Row>(
    `SELECT ${MESSAGE_FIELDS}, instant FROM messages WHERE ${where}
     ORDER BY ${slice.reverse ? DESCENDING : POSITION_COLUMNS} LIMIT ${values.add(slice.limit)} OFFSET ${values.add(slice.offset)}`,
    values.list,
  );
}

/** Whether the matches are so few that sorting them costs less than scanning. */
async function hasFewMatches(
  { tx }: Snapshot,
  question: PageQuery,
  bounds: FindBounds,
): Promise<boolean> {
  await tx.run(BY_SEARCH_INDEX);
  const values = new Values();
  const where = every([...conditions(question, values), ...inRange(question.rest, values)]);
  const found = `SELECT 1 FROM messages WHERE ${where} LIMIT ${values.add(bounds.sortedMatchesMax + 1)}`;
  const matches = await numberOf(tx, `SELECT count(*) FROM (${found}) AS found`, values.list);
  await tx.run(BY_ANY_INDEX);
  return matches <= bounds.sortedMatchesMax;
}

/** Reads all matches of the search index once, for the total and the page. */
async function searchedRows({ tx }: Snapshot, question: PageQuery): Promise<Found> {
  const { range, rest, slice, exact } = question;
  const values = new Values();
  const matching = every([
    ...conditions(question, values),
    ...inRange(exact ? range : rest, values),
  ]);
  const onPage = every(inRange(rest, values));
  const sql = `WITH found AS MATERIALIZED (SELECT ${POSITION_COLUMNS} FROM messages WHERE ${matching}),
    page AS (SELECT ${POSITION_COLUMNS} FROM found WHERE ${onPage} ORDER BY ${slice.reverse ? DESCENDING : POSITION_COLUMNS}
      LIMIT ${values.add(slice.limit)} OFFSET ${values.add(slice.offset)})
    SELECT total, ${POSITION_FIELDS} FROM (SELECT count(*) AS total FROM found) AS counted LEFT JOIN page ON true`;
  const [, keys] = await Promise.all([
    tx.run(BY_SEARCH_INDEX),
    tx.all<Nullable<ListPosition> & { total: number }>(sql, values.list),
  ]);
  const total = exact ? (keys[0]?.total ?? 0) : null;
  const ids = keys.flatMap(({ messageId }) => messageId ?? []);
  if (ids.length === 0) return { rows: [], total };
  await tx.run(BY_ANY_INDEX);
  const rows = await tx.all<Row>(
    `SELECT ${MESSAGE_FIELDS}, instant FROM messages WHERE message_id = ANY($1::text[])`,
    [ids],
  );
  const byKey = new Map(rows.map((row) => [`${row.messageId}\0${row.source}`, row]));
  return {
    rows: keys.flatMap(({ messageId, source }) => byKey.get(`${messageId}\0${source}`) ?? []),
    total,
  };
}

type Nullable<T> = { readonly [K in keyof T]: T[K] | null };

/** Scans the messages of a list one by one. */
async function walkedRows(
  snapshot: Snapshot,
  question: PageQuery,
  bounds: FindBounds,
): Promise<Found> {
  const { range, rest, exact, stepwise } = question;
  if (exact && isWholeSource(question)) {
    const [rows, total] = await Promise.all([
      select(snapshot, question),
      sourceTotal(snapshot, question),
    ]);
    return { rows, total };
  }
  if (!stepwise) {
    const scanned = await new CountedList(snapshot, question.list).count(exact ? range : rest);
    requireScannable(scanned, question.filter, bounds);
    const total = exact ? await countRows(snapshot, question) : null;
    return { rows: total === 0 ? [] : await select(snapshot, question), total };
  }
  const stoppedAt = await stopOf(snapshot, question, bounds.walkedRowsMax);
  if (stoppedAt === undefined) return { rows: await select(snapshot, question), total: null };
  const rows = await select(snapshot, { ...question, rest: readUpTo(question, stoppedAt) });
  return { rows, total: null, stoppedAt };
}

async function sourceTotal(
  { tx, marks }: Snapshot,
  { filter: { source = "" } }: PageQuery,
): Promise<number> {
  const values = new Values();
  const tail = `SELECT count(*) FROM messages WHERE ${inTail(marks, values)} AND source = ${values.add(source)}`;
  const counts = await Promise.all([
    numberOf(tx, "SELECT messages FROM totals WHERE kind = 'source' AND name = $1", [source]),
    numberOf(tx, tail, values.list),
  ]);
  return counts[0] + counts[1];
}

/**
 * The message at which a scan has read enough for one page; undefined when the list ends before.
 */
async function stopOf(
  { tx }: Snapshot,
  { list, rest, slice }: PageQuery,
  rowsMax: number,
): Promise<ListPosition | undefined> {
  const values = new Values();
  const where = every([...inList(list, values), ...inRange(rest, values)]);
  const [stop] = await tx.all<ListPosition>(
    `SELECT ${POSITION_FIELDS} FROM messages WHERE ${where}
     ORDER BY ${slice.reverse ? DESCENDING : POSITION_COLUMNS} LIMIT 1 OFFSET ${values.add(rowsMax - 1)}`,
    values.list,
  );
  return stop;
}

async function countRows({ tx }: Snapshot, question: PageQuery): Promise<number> {
  const values = new Values();
  const where = every([...conditions(question, values), ...inRange(question.range, values)]);
  const counted = [
    tx.run(BY_TABLE),
    numberOf(tx, `SELECT count(*) FROM messages WHERE ${where}`, values.list),
  ] as const;
  return (await Promise.all(counted))[1];
}

/**
 * The message with an id. If several sources have the id and no source is given, the first source
 * by bytes.
 */
export async function findOne(
  database: Database,
  messageId: string,
  source: string | undefined,
): Promise<StoredMessage | undefined> {
  if (![messageId, source ?? ""].every(isStorable)) return undefined;
  const values = new Values();
  const where = [`message_id = ${values.add(messageId)}`];
  if (source !== undefined) where.push(`source = ${values.add(source)}`);
  const sql = `SELECT ${MESSAGE_FIELDS} FROM messages WHERE ${every(where)} ORDER BY source LIMIT 1`;
  const [row] = await database.all<StoredMessage>(sql, values.list);
  return row;
}

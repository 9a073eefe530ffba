import { existsSync } from "node:fs";
import type { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep, setImmediate as turn } from "node:timers/promises";
import { StoreRefused } from "../../../domain/errors.ts";
import type { ListPosition } from "../../../domain/message-filter.ts";
import { BUCKETS } from "../../store.ts";
import { DIFFERENCES_MAX, type VerifyOptions, type VerifyReport } from "../../verify-report.ts";
import { readUnchanged } from "../read-unchanged.ts";
import {
  ASCENDING,
  entriesOf,
  hasBucket,
  IN_RANGE,
  POSITION_COLUMNS,
  POSITION_FIELDS,
  positionValues,
  rangeValues,
} from "../sql.ts";
import { Statements } from "../statements.ts";
import { hasCurrentTables, readIndexPath } from "./connection.ts";
import { CONTENT_SUM_MASK, type Content, contentSum } from "./content-sum.ts";
import { isInSync } from "./index-messages.ts";
import { differingPostings, ExpectedPostings, indexedPostings } from "./search-postings.ts";

const SEQS_PER_STEP = 50_000;
const ATTEMPTS_MAX = 200;
const RETRY_MS = 10;
/**
 * Recounts everything in the read index of the database at `path` from the messages, in one
 * snapshot, while other connections write. Rejects as the store does, and with the signal's reason.
 */
export async function verifyReadIndex(path: string, options: VerifyOptions): Promise<VerifyReport> {
  if (!existsSync(readIndexPath(path))) {
    throw new StoreRefused(
      `there is no ${readIndexPath(path)}: it is created when the service starts`,
    );
  }
  const withoutTables: VerifyReport = {
    messages: 0,
    backlog: 0,
    differences: [
      "the read index does not have its tables, or those of another version: a start of the service rebuilds it",
    ],
  };
  const verifyOn = async (db: DatabaseSync) => {
    if (!hasCurrentTables(db)) return withoutTables;
    const statements = new Statements(db);
    await beginBetweenDeletions(statements, options.signal);
    return verify(statements, options);
  };
  return readUnchanged(path, verifyOn, readIndexPath(path));
}

async function verify(
  statements: Statements,
  { progress, signal }: VerifyOptions,
): Promise<VerifyReport> {
  const state = statements.get<State>(
    "SELECT seq, messages, senders, content_sum AS contentSum FROM index_state",
  ) as State;
  const newest = statements.number("SELECT max(seq) FROM lyftr_messages");
  const differences: string[] = [];
  const expected = new ExpectedPostings();
  let contents = 0;
  for (const check of [
    checkTotals,
    checkSenders,
    checkListsOfBlocks,
    checkBlocks,
    checkReceivers,
    checkSpans,
  ]) {
    differences.push(...first(check(statements, state)));
    await pause(signal);
  }
  for (let after = 0; after < state.seq; after += SEQS_PER_STEP) {
    const upTo = Math.min(state.seq, after + SEQS_PER_STEP);
    differences.push(...checkRows(statements, after, upTo));
    for (const { seq, ...content } of contentsOf(statements, after, upTo)) {
      contents = (contents + contentSum(content)) % (CONTENT_SUM_MASK + 1);
      if (content.text !== null) expected.add(seq, content.text);
    }
    progress(upTo, state.seq);
    await pause(signal);
  }
  if (contents !== state.contentSum)
    differences.push(
      "the checksum of ts, text and created_at of all messages has changed since they were indexed: " +
        "a message has changed in the file, unless more differs. Compare with a backup before the index is rebuilt",
    );
  const indexed = await indexedPostings(statements, () => pause(signal));
  differences.push(...differingPostings(indexed, expected));
  const backlog = statements.number(
    "SELECT count(*) FROM lyftr_messages WHERE seq > ? AND seq <= ?",
    [state.seq, newest],
  );
  return { messages: state.messages, backlog, differences: differences.slice(0, DIFFERENCES_MAX) };
}

/** A deletion commits the messages first and the index immediately after. */
async function beginBetweenDeletions(statements: Statements, signal: AbortSignal): Promise<void> {
  for (let look = 1; ; look++) {
    statements.db.exec("BEGIN");
    statements.get("SELECT seq FROM index_state");
    if (isInSync(statements)) return;
    statements.db.exec("ROLLBACK");
    if (look === ATTEMPTS_MAX)
      throw new StoreRefused(
        "its read index has not followed a deletion: a start of the service rebuilds it",
      );
    await sleep(RETRY_MS, undefined, { signal });
  }
}

interface State {
  readonly seq: number;
  readonly messages: number;
  readonly senders: number;
  readonly contentSum: number;
}

async function pause(signal: AbortSignal): Promise<void> {
  await turn();
  signal.throwIfAborted();
}

function first(differences: Iterable<string>): readonly string[] {
  const taken: string[] = [];
  for (const difference of differences) if (taken.push(difference) === DIFFERENCES_MAX) break;
  return taken;
}

/**
 * Checks that the blocks of a list begin at its beginning and count all of it. No other check finds
 * a missing block.
 */
function* checkListsOfBlocks(statements: Statements, { messages }: State): Generator<string> {
  const differing = statements.number(
    `SELECT count(*) FROM (
       SELECT list, sum(messages) AS messages, min(instant || message_id || source) AS first FROM blocks GROUP BY list
     ) AS lists LEFT JOIN senders ON msisdn = list
     WHERE first <> '' OR lists.messages IS NOT (CASE list WHEN '' THEN ? ELSE senders.messages END)`,
    [messages],
  );
  if (differing > 0)
    yield `the blocks of ${differing} lists do not count as many messages as the lists have`;
  const orphans = statements.number(
    `SELECT count(*) FROM receiver_blocks r WHERE NOT EXISTS (SELECT 1 FROM blocks b WHERE b.list = ''
       AND (b.instant, b.message_id, b.source) = (r.instant, r.message_id, r.source))`,
  );
  if (orphans > 0) yield `${orphans} counts of receivers belong to no block`;
  const strange = statements.number(
    `SELECT count(*) FROM spans WHERE characters NOT IN (${Object.values(BUCKETS).join(", ")})`,
  );
  if (strange > 0) yield `${strange} counts of time spans belong to no bucket`;
}

function* checkTotals(
  statements: Statements,
  { seq, messages, senders }: State,
): Generator<string> {
  yield* differ("the total of messages", messages, count(statements, "count(*)", seq));
  yield* differ(
    "the total of senders",
    senders,
    count(statements, "count(DISTINCT from_msisdn)", seq),
  );
  const listed = statements.number("SELECT count(*) FROM messages_by_sender");
  yield* differ("the number of messages by sender", listed, count(statements, "count(*)", seq));
}

function count(statements: Statements, what: string, seq: number): number {
  return statements.number(`SELECT ${what} FROM lyftr_messages WHERE seq <= ?`, [seq]);
}

function* differ(what: string, indexed: number, counted: number): Generator<string> {
  if (indexed !== counted) yield `${what} is ${indexed} in the index, ${counted} in the messages`;
}

/**
 * The rows of `indexed` and `counted` that are not in both. Both are statements with the same
 * columns.
 */
function* differingRows(
  statements: Statements,
  what: string,
  { indexed, counted, seq }: { indexed: string; counted: string; seq: number },
): Generator<string> {
  const ways = [
    [indexed, counted, "which only the index has"],
    [counted, indexed, "which the index does not have"],
  ] as const;
  for (const [these, others, where] of ways) {
    const rows = statements.all<{ rows: number }>(
      `WITH indexed_messages AS (SELECT * FROM lyftr_messages WHERE seq <= ?) SELECT count(*) AS rows FROM (${these} EXCEPT ${others})`,
      [seq],
    );
    const differing = rows[0]?.rows ?? 0;
    if (differing > 0) yield `${what}: ${differing} counts differ, ${where}`;
  }
}

function checkSenders(statements: Statements, { seq }: State): Generator<string> {
  return differingRows(statements, "messages of senders", {
    indexed: "SELECT msisdn, messages FROM senders",
    counted: "SELECT from_msisdn, count(*) FROM indexed_messages GROUP BY from_msisdn",
    seq,
  });
}

function* checkSpans(statements: Statements, { seq }: State): Generator<string> {
  for (const [bucket, characters] of Object.entries(BUCKETS)) {
    yield* differingRows(statements, `messages of a ${bucket}`, {
      indexed: `SELECT start, messages FROM spans WHERE characters = ${characters}`,
      counted: `SELECT substr(instant, 1, ${characters}), count(*) FROM indexed_messages
        WHERE ${hasBucket(characters)} GROUP BY 1`,
      seq,
    });
  }
}

interface Block {
  readonly list: string;
  readonly lo: ListPosition;
  readonly hi: ListPosition | undefined;
  readonly messages: number;
}

function* blocksOf(statements: Statements): Generator<Block> {
  const rows = statements.all<ListPosition & Pick<Block, "list" | "messages">>(
    `SELECT list, ${POSITION_FIELDS}, messages FROM blocks ORDER BY list, ${ASCENDING}`,
  );
  for (const [at, lo] of rows.entries()) {
    const { list, messages } = lo;
    const next = rows[at + 1];
    yield { list, lo, hi: next?.list === list ? next : undefined, messages };
  }
}

function* checkBlocks(statements: Statements, { seq }: State): Generator<string> {
  for (const { list, lo, hi, messages } of blocksOf(statements)) {
    const { sql, values } = entriesOf(list, { lo, hi }, seq);
    const counted = statements.number(`SELECT count(*) FROM (${sql})`, values);
    const what = list === "" ? "all messages" : "one sender";
    yield* differ(`the count of a block of ${what} (from ${lo.instant})`, messages, counted);
  }
}

function* checkReceivers(statements: Statements, { seq }: State): Generator<string> {
  for (const { list, lo, hi } of blocksOf(statements)) {
    if (list !== "") continue;
    const indexed = statements.all(
      `SELECT to_msisdn, via_source, messages FROM receiver_blocks
       WHERE ${POSITION_COLUMNS} = (?, ?, ?) ORDER BY to_msisdn, via_source`,
      [...positionValues(lo)],
    );
    const counted = statements.all(
      `SELECT to_msisdn, source AS via_source, count(*) AS messages FROM lyftr_messages INDEXED BY messages_by_instant
       WHERE ${IN_RANGE} AND seq <= ? GROUP BY 1, 2 ORDER BY 1, 2`,
      [...rangeValues({ lo, hi }), seq],
    );
    if (JSON.stringify(indexed) !== JSON.stringify(counted)) {
      yield `the receivers of a block of all messages (from ${lo.instant}) are ${indexed.length} in the index, ${counted.length} in the messages, or their counts differ`;
    }
  }
}

function* checkRows(statements: Statements, after: number, upTo: number): Generator<string> {
  const missing = statements.number(
    `SELECT count(*) FROM lyftr_messages m WHERE m.seq > ? AND m.seq <= ? AND NOT EXISTS (
       SELECT 1 FROM messages_by_sender b WHERE b.seq = m.seq
       AND (b.from_msisdn, b.instant, b.message_id, b.source) = (m.from_msisdn, m.instant, m.message_id, m.source))`,
    [after, upTo],
  );
  if (missing > 0)
    yield `${missing} of the messages ${after + 1} to ${upTo} are missing from the lists of their senders`;
}

function* contentsOf(
  statements: Statements,
  after: number,
  upTo: number,
): Generator<Content & { readonly seq: number }> {
  const sql =
    "SELECT seq, ts, created_at AS createdAt, text FROM lyftr_messages WHERE seq > ? AND seq <= ?";
  for (const { seq, ts, createdAt, text } of statements.db.prepare(sql).iterate(after, upTo)) {
    yield {
      seq: Number(seq),
      ts: String(ts),
      createdAt: String(createdAt),
      text: text === null ? null : String(text),
    };
  }
}

import { BUCKETS } from "../../store.ts";
import { transaction } from "../connection.ts";
import {
  beginningOf,
  IN_SEQ_RANGE as IN_STEP,
  partsOf,
  type SeqRange as Step,
} from "../seq-range.ts";
import { ASCENDING, ENTRY_FIELDS, hasBucket, type ListEntry } from "../sql.ts";
import type { Statements } from "../statements.ts";
import { addToBlocks, BLOCK_ROWS_MAX, makeBlocks } from "./blocks.ts";
import { LAST_INDEXED, rebuild } from "./connection.ts";
import { CONTENT, CONTENT_SUM_MASK } from "./content-sum.ts";

export interface IndexStep {
  /** The number of messages that this step indexed. */
  readonly rows: number;
  /** The number of messages that wait for the next step. */
  readonly backlog: number;
}

/** The maximum number of unindexed messages: numbers that were never used count too. */
export function backlogOf(statements: Statements): number {
  return statements.number(
    "SELECT max(0, coalesce((SELECT max(seq) FROM lyftr_messages), 0) - seq) FROM index_state",
  );
}

/**
 * Whether the index matches the remaining messages. It does not match between the two commits of a
 * deletion, or if a process crashed there.
 */
export function isInSync(statements: Statements): boolean {
  return (
    statements.get(
      "SELECT 1 FROM index_state JOIN main.deletions ON generation = index_state.deletions",
    ) !== undefined
  );
}

/**
 * The size of one step: the keys of its messages are in memory, and its writes are one transaction.
 */
const BYTES_PER_STEP_MAX = 8 * 1024 * 1024;
/** SQLite for Node.js keeps the arguments and results of our functions until the statement ends. */
const BYTES_PER_STATEMENT_MAX = 4 * 1024 * 1024;

/** Indexes the oldest unindexed messages, in one transaction. */
export function indexMessages(
  statements: Statements,
  rowsMax: number,
  blockRowsMax = BLOCK_ROWS_MAX,
): IndexStep {
  return transaction(statements.db, "BEGIN", () => {
    // The write lock of the index, before anything is read: another process may index as well.
    statements.run("UPDATE index_state SET seq = seq");
    // A process deleted messages and ended before the index had followed. The index counts messages
    // that no longer exist.
    if (!isInSync(statements)) rebuild(statements.db);
    const after = statements.number("SELECT seq FROM index_state");
    const newest = statements.number("SELECT max(seq) FROM lyftr_messages");
    if (newest <= after) return { rows: 0, backlog: 0 };
    const step = beginningOf(
      statements,
      [after, Math.min(newest, after + rowsMax)],
      BYTES_PER_STEP_MAX,
    );
    const [, upTo] = step;
    const rows = statements.number(`SELECT count(*) FROM lyftr_messages WHERE ${IN_STEP}`, step);
    indexAll(statements, step, blockRowsMax);
    indexSenders(statements, step, blockRowsMax);
    indexSpans(statements, step);
    indexTexts(statements, step);
    statements.run("UPDATE index_state SET seq = ?, messages = messages + ?", [upTo, rows]);
    statements.run(`UPDATE index_state SET last_message = (${LAST_INDEXED})`);
    return { rows, backlog: newest - upTo };
  });
}

function indexTexts(statements: Statements, step: Step): void {
  for (const part of partsOf(statements, step, BYTES_PER_STATEMENT_MAX)) {
    statements.run(
      `INSERT INTO search (rowid, text) SELECT seq, searchable(text) FROM lyftr_messages
       WHERE ${IN_STEP} AND text IS NOT NULL`,
      part,
    );
    statements.run(
      `UPDATE index_state SET content_sum = ${CONTENT_SUM_MASK} & (content_sum
         + (SELECT coalesce(sum(content_sum(${CONTENT})), 0) FROM lyftr_messages WHERE ${IN_STEP}))`,
      part,
    );
  }
}

interface Received extends ListEntry {
  readonly to: string;
}

function indexAll(statements: Statements, step: Step, blockRowsMax: number): void {
  const entries = statements.all<Received>(
    `SELECT ${ENTRY_FIELDS}, to_msisdn AS "to" FROM lyftr_messages WHERE ${IN_STEP} ORDER BY ${ASCENDING}`,
    step,
  );
  addToBlocks(statements, { list: "", entries, indexedSeq: step[1], blockRowsMax });
}

function indexSenders(statements: Statements, step: Step, blockRowsMax: number): void {
  statements.run(
    `INSERT INTO messages_by_sender SELECT from_msisdn, instant, message_id, source, seq FROM lyftr_messages
     WHERE ${IN_STEP} ORDER BY from_msisdn, ${ASCENDING}`,
    step,
  );
  statements.run(
    `UPDATE index_state SET senders = senders + (SELECT count(DISTINCT from_msisdn) FROM lyftr_messages
     WHERE ${IN_STEP} AND NOT EXISTS (SELECT 1 FROM senders WHERE msisdn = from_msisdn))`,
    step,
  );
  statements.run(
    `INSERT INTO senders SELECT from_msisdn, count(*) FROM lyftr_messages WHERE ${IN_STEP} GROUP BY from_msisdn
     ON CONFLICT DO UPDATE SET messages = messages + excluded.messages`,
    step,
  );
  const busy = statements.all<{ list: string; messages: number; hasBlocks: number }>(
    `SELECT msisdn AS list, messages, EXISTS (SELECT 1 FROM blocks WHERE blocks.list = msisdn) AS hasBlocks FROM senders
     WHERE messages > ? AND msisdn IN (SELECT from_msisdn FROM lyftr_messages WHERE ${IN_STEP})`,
    [blockRowsMax, ...step],
  );
  const limits = { indexedSeq: step[1], blockRowsMax };
  for (const { list, messages, hasBlocks } of busy) {
    if (hasBlocks === 0) makeBlocks(statements, { list, messages, ...limits });
    else
      addToBlocks(statements, { list, entries: senderEntries(statements, list, step), ...limits });
  }
}

function senderEntries(statements: Statements, list: string, step: Step): readonly ListEntry[] {
  return statements.all<ListEntry>(
    `SELECT ${ENTRY_FIELDS} FROM lyftr_messages WHERE ${IN_STEP} AND from_msisdn = ?
     ORDER BY ${ASCENDING}`,
    [...step, list],
  );
}

function indexSpans(statements: Statements, step: Step): void {
  for (const characters of Object.values(BUCKETS)) {
    statements.run(
      `INSERT INTO spans SELECT ${characters}, substr(instant, 1, ${characters}) AS start, count(*) FROM lyftr_messages
       WHERE ${IN_STEP} AND ${hasBucket(characters)} GROUP BY start
       ON CONFLICT DO UPDATE SET messages = messages + excluded.messages`,
      step,
    );
  }
}

import { StoreUnavailable } from "../../../domain/errors.ts";
import {
  cutoffText,
  type DeletedStep,
  type DeletionStep,
  type ExpiryStep,
} from "../../retention.ts";
import { BLOCK_ROWS_MAX } from "../index/blocks.ts";
import type { Indexed } from "../index/unindex-messages.ts";
import type { Statements, Values } from "../statements.ts";
import { deleteMessages, INDEXED } from "./delete-messages.ts";

/** The maximum number of messages that one transaction deletes. Inserts wait until it ends. */
const ROWS_PER_STEP_MAX = 500;
/**
 * The maximum size of the texts of a step, which are in memory to be removed from the search index.
 */
const TEXT_CHARACTERS_PER_STEP_MAX = 2 * 1024 * 1024;
/** How long one step may search for messages. Nothing is indexed during that time. */
const SEARCH_MS_MAX = 50;
const SEQS_PER_STEP = 2_000;
const TRIES_MAX = 5;

/** The position of a search: after this message. */
interface SearchPosition {
  readonly seq: number;
  /** Whether it scans every message. */
  readonly everywhere: boolean;
}

interface Search {
  readonly where: string;
  readonly values: Values;
  readonly rowsMax: number;
}

interface Found {
  readonly rows: readonly Indexed[];
  /** Where to continue; undefined when everything was scanned. */
  readonly position: SearchPosition | undefined;
}

interface How {
  readonly search: Omit<Search, "rowsMax">;
  readonly from: SearchPosition;
  /** See {@link deleteMessages}. */
  readonly thorough: boolean;
}

/** Deletes step by step, on a connection to the messages and the read index. */
export class Deleter {
  readonly #statements: Statements;
  readonly #blockRowsMax: number;

  constructor(statements: Statements, blockRowsMax = BLOCK_ROWS_MAX) {
    this.#statements = statements;
    this.#blockRowsMax = blockRowsMax;
  }

  /** One step of deleting messages that were received before a moment. */
  expire(step: ExpiryStep): DeletedStep {
    return this.#step(step, {
      search: { where: "created_at < ?", values: [cutoffText(step.receivedBefore)] },
      from: positionOf(step) ?? { seq: 0, everywhere: step.everywhere },
      thorough: false,
    });
  }

  /** One step of deleting messages from a number or to it. */
  erase(step: DeletionStep & { readonly msisdn: string }): DeletedStep {
    return this.#step(step, {
      search: { where: "(from_msisdn = ? OR to_msisdn = ?)", values: [step.msisdn, step.msisdn] },
      from: positionOf(step) ?? { seq: 0, everywhere: true },
      thorough: true,
    });
  }

  #step(
    { tombstonesUntil, dryRun = false, ...step }: DeletionStep,
    { search, from, thorough }: How,
  ): DeletedStep {
    if (dryRun) return count(this.#statements, from, search);
    const rowsMax = Math.min(step.rowsMax, ROWS_PER_STEP_MAX);
    const deletion = { tombstonesUntil, thorough, blockRowsMax: this.#blockRowsMax };
    for (let tries = 1; tries <= TRIES_MAX; tries++) {
      const { rows, position } = find(this.#statements, from, { ...search, rowsMax });
      const deleted = deleteMessages(this.#statements, rows, deletion);
      if (deleted === rows.length)
        return { deleted, position: position && JSON.stringify(position) };
    }
    throw new StoreUnavailable("SQLite: another process deletes the same messages");
  }
}

function positionOf({ position }: DeletionStep): SearchPosition | undefined {
  return position === undefined ? undefined : (JSON.parse(position) as SearchPosition);
}

/**
 * Scans the messages in the order in which they were stored. The number of matches and the time are
 * limited.
 */
function find(
  statements: Statements,
  from: SearchPosition,
  { where, values, rowsMax }: Search,
): Found {
  const deadlineMs = performance.now() + SEARCH_MS_MAX;
  const rows: Indexed[] = [];
  const newest = statements.number("SELECT max(seq) FROM lyftr_messages");
  let [{ seq }, full] = [from, false];
  while (!full && seq < newest && performance.now() < deadlineMs) {
    const upTo = endOfStep(statements, seq);
    const before = rows.length;
    full = take(statements, rows, { where, values: [seq, upTo, ...values], rowsMax });
    // A range without matches. Usually none follow either, because older messages come first.
    if (!full && rows.length === before && !from.everywhere) return { rows, position: undefined };
    seq = full ? (rows.at(-1)?.seq ?? upTo) : upTo;
  }
  return { rows, position: seq < newest ? { ...from, seq } : undefined };
}

/**
 * Adds the matches of a range to `rows`. Returns whether they are enough for one step, by their
 * number or their texts.
 */
function take(
  statements: Statements,
  rows: Indexed[],
  { where, values, rowsMax }: Search,
): boolean {
  let characters = rows.reduce((sum, { text }) => sum + (text?.length ?? 0), 0);
  const sql = `SELECT ${INDEXED} FROM lyftr_messages WHERE seq > ? AND seq <= ? AND ${where} ORDER BY seq LIMIT ?`;
  for (const row of statements.each<Indexed>(sql, [...values, rowsMax - rows.length])) {
    rows.push(row);
    characters += row.text?.length ?? 0;
    if (characters >= TEXT_CHARACTERS_PER_STEP_MAX) return true;
  }
  return rows.length >= rowsMax;
}

/** The same scan, which only counts: as many as can be read in that time. */
function count(
  statements: Statements,
  from: SearchPosition,
  { where, values }: Omit<Search, "rowsMax">,
): DeletedStep {
  const deadlineMs = performance.now() + SEARCH_MS_MAX;
  const newest = statements.number("SELECT max(seq) FROM lyftr_messages");
  let [deleted, { seq }] = [0, from];
  while (seq < newest && performance.now() < deadlineMs) {
    const upTo = endOfStep(statements, seq);
    const sql = `SELECT count(*) FROM lyftr_messages WHERE seq > ? AND seq <= ? AND ${where}`;
    const found = statements.number(sql, [seq, upTo, ...values]);
    if (found === 0 && !from.everywhere) return { deleted, position: undefined };
    deleted += found;
    seq = upTo;
  }
  return { deleted, position: seq < newest ? JSON.stringify({ ...from, seq }) : undefined };
}

/**
 * The end of a range of a fixed number of messages, however large the gaps in their numbers are.
 */
function endOfStep(statements: Statements, seq: number): number {
  const last = statements.number(
    "SELECT seq FROM lyftr_messages WHERE seq > ? ORDER BY seq LIMIT 1 OFFSET ?",
    [seq, SEQS_PER_STEP - 1],
  );
  return last === 0 ? Number.MAX_SAFE_INTEGER : last;
}

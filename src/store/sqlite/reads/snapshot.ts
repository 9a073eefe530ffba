import { ReadIndexBehind } from "../../../domain/errors.ts";
import { transaction } from "../connection.ts";
import type { Statements } from "../statements.ts";

/**
 * What one read sees: the messages at one moment, and the read index at that moment or shortly
 * before.
 */
export interface Snapshot {
  readonly statements: Statements;
  /** Messages up to this one are in the read index; later ones are the tail. */
  readonly indexedSeq: number;
  readonly indexedMessages: number;
  readonly indexedSenders: number;
  /** Throws when the result is no longer wanted. Must be called every few milliseconds of work. */
  readonly check: () => void;
}

/**
 * A deletion commits the messages first and the index immediately after. A read between the two
 * commits tries again.
 */
const BETWEEN_COMMITS_MS_MAX = 2_000;
const RETRY_MS = 1;
const BETWEEN = Symbol("between the two commits of a deletion");

/**
 * Runs `work` in one transaction. Rejects with `ReadIndexBehind` when the index does not follow a
 * deletion, because the deleting process has crashed.
 */
export function inSnapshot<T>(
  statements: Statements,
  check: () => void,
  work: (snapshot: Snapshot) => T,
): T {
  const deadlineMs = performance.now() + BETWEEN_COMMITS_MS_MAX;
  for (;;) {
    const result = readOnce(statements, check, work);
    if (result !== BETWEEN) return result;
    check();
    if (performance.now() > deadlineMs) throw new ReadIndexBehind();
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS);
  }
}

function readOnce<T>(
  statements: Statements,
  check: () => void,
  work: (snapshot: Snapshot) => T,
): T | typeof BETWEEN {
  return transaction(statements.db, "BEGIN", () => {
    // The index is read first. The messages, read later, then include at least everything that it
    // counts, and the rest is the tail.
    const state = statements.get<State>(
      "SELECT seq, messages, senders, deletions FROM index_state",
    );
    const { seq = 0, messages = 0, senders = 0, deletions = 0 } = state ?? {};
    if (statements.number("SELECT generation FROM main.deletions") !== deletions) return BETWEEN;
    return work({
      statements,
      indexedSeq: seq,
      indexedMessages: messages,
      indexedSenders: senders,
      check,
    });
  });
}

interface State {
  readonly seq: number;
  readonly messages: number;
  readonly senders: number;
  readonly deletions: number;
}

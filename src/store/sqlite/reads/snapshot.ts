import { ReadIndexBehind } from "../../../domain/errors.ts";
import { transaction } from "../connection.ts";
import type { Statements } from "../statements.ts";
import { TailRows } from "./tail-rows.ts";

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
  /** Counts the deletions up to this snapshot. */
  readonly deletions: number;
  /** What this connection keeps of the tail. */
  readonly tailRows: TailRows;
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

/** Reads through one connection, each time in a snapshot of its own. */
export class SnapshotReader {
  readonly statements: Statements;
  readonly #check: () => void;
  readonly #tailRows: TailRows;

  /** `check` is that of {@link Snapshot}. */
  constructor(statements: Statements, check: () => void, tailRows = new TailRows()) {
    this.statements = statements;
    this.#check = check;
    this.#tailRows = tailRows;
  }

  /**
   * Runs `work` in one transaction. Throws `ReadIndexBehind` when the index does not follow a
   * deletion, because the deleting process has crashed.
   */
  read<T>(work: (snapshot: Snapshot) => T): T {
    const deadlineMs = performance.now() + BETWEEN_COMMITS_MS_MAX;
    for (;;) {
      const result = this.#readOnce(work);
      if (result !== BETWEEN) return result;
      this.#check();
      if (performance.now() > deadlineMs) throw new ReadIndexBehind();
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS);
    }
  }

  #readOnce<T>(work: (snapshot: Snapshot) => T): T | typeof BETWEEN {
    const { statements } = this;
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
        deletions,
        tailRows: this.#tailRows,
        check: this.#check,
      });
    });
  }
}

interface State {
  readonly seq: number;
  readonly messages: number;
  readonly senders: number;
  readonly deletions: number;
}

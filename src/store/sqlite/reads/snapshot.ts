import { transaction } from "../connection.ts";
import type { Statements } from "../statements.ts";

/** What one read sees: the messages of one moment, and the read index as it was then or a little before. */
export interface Snapshot {
  readonly statements: Statements;
  /** Messages up to this one are in the read index; those behind it are the tail. */
  readonly foldedSeq: number;
  readonly foldedMessages: number;
  readonly foldedSenders: number;
  /** Throws when nobody waits for the answer any more. To be called every few milliseconds of work. */
  readonly check: () => void;
}

/** Runs `work` in one transaction. */
export function inSnapshot<T>(statements: Statements, check: () => void, work: (snapshot: Snapshot) => T): T {
  return transaction(statements.db, "BEGIN", () => {
    // The index first: the messages, looked at later, then hold at least all that it counts, and the rest is the tail.
    const state = statements.get<{ seq: number; messages: number; senders: number }>(
      "SELECT seq, messages, senders FROM fold_state",
    );
    const { seq = 0, messages = 0, senders = 0 } = state ?? {};
    return work({ statements, foldedSeq: seq, foldedMessages: messages, foldedSenders: senders, check });
  });
}

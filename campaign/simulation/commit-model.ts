import { Overloaded, StoreUnavailable } from "../../src/domain/errors.ts";
import type { NewMessage } from "../../src/domain/message.ts";
import type { InsertOutcome } from "../../src/store/store.ts";
import type { Random } from "../support/random.ts";
import type { Promises } from "./history.ts";

const QUEUE_ROWS_MAX = 10_000;
const QUEUE_BYTES_MAX = 64 * 1_024 * 1_024;
const BATCH_BYTES_MAX = 4 * 1_024 * 1_024;
const BATCH_ROWS_MAX = 4_096;
/** Few ids and texts, so that many messages are duplicates and conflicts. */
const IDS = 40;
const TEXTS = 2;

/** How an insert must be answered. Undefined until its transaction has ended. */
type Expected =
  | { readonly outcome: InsertOutcome }
  /** An error of this kind, or exactly this error. */
  | { readonly refused: typeof Overloaded | typeof StoreUnavailable | Error };

/** One insert, as its caller sees it. */
export interface Insert {
  readonly row: NewMessage;
  readonly bytes: number;
  readonly sinceMs: number;
  readonly isBad: boolean;
  expected: Expected | undefined;
  isAnswered: boolean;
}

/**
 * What a group commit may do. The callers and the store report every event here, and each event is
 * compared with what must happen.
 */
export class CommitModel {
  readonly #promises: Promises;
  readonly #inserts = new Map<NewMessage, Insert>();
  /** What is on disk: the text of each id. */
  readonly #stored = new Map<string, string | null>();
  #queue: Insert[] = [];
  #queueBytes = 0;
  #isStopping = false;
  #unanswered = 0;
  /** The inserts of the batch that the store has now, and those of them that are tried alone. */
  #batch: readonly Insert[] = [];
  #alone: Insert[] = [];
  inserts = 0;

  constructor(promises: Promises) {
    this.#promises = promises;
  }

  get waiting(): readonly Insert[] {
    return this.#queue;
  }

  get waitingBytes(): number {
    return this.#queueBytes;
  }

  get isAnswered(): boolean {
    return this.#unanswered === 0;
  }

  /** When the oldest message arrived that the store or the queue has; undefined without one. */
  get oldestMs(): number | undefined {
    return (this.#batch[0] ?? this.#queue[0])?.sinceMs;
  }

  arrives(bytes: number, sinceMs: number, random: Random, isBad: boolean): Insert {
    const row = {
      source: "native",
      messageId: `m${random.between(1, IDS)}`,
      text: `text ${random.between(1, TEXTS)}`,
    } as unknown as NewMessage;
    const insert: Insert = { row, bytes, sinceMs, isBad, expected: undefined, isAnswered: false };
    this.inserts++;
    this.#unanswered++;
    this.#inserts.set(row, insert);
    const isFull =
      this.#queue.length >= QUEUE_ROWS_MAX || this.#queueBytes + bytes > QUEUE_BYTES_MAX;
    if (this.#isStopping) insert.expected = { refused: StoreUnavailable };
    else if (isFull) insert.expected = { refused: Overloaded };
    else this.#join(insert);
    return insert;
  }

  /** Every insert from now on is refused. */
  stops(): void {
    this.#isStopping = true;
  }

  /** The store gets rows: the next ones of the queue, or one row of a batch that was refused. */
  called(rows: readonly NewMessage[]): void {
    const [alone] = this.#alone;
    if (alone !== undefined) {
      this.#promises.expect(rows.length === 1 && rows[0] === alone.row, "a retry is out of order");
      return;
    }
    this.#batch = this.#queue.slice(0, rows.length);
    const isNext = this.#batch.every(({ row }, at) => row === rows[at]);
    this.#promises.expect(isNext && this.#batch.length === rows.length, "a batch is out of order");
    this.#queue = this.#queue.slice(rows.length);
    const bytes = this.#batch.reduce((sum, insert) => sum + insert.bytes, 0);
    this.#queueBytes -= bytes;
    const isSmall = rows.length <= BATCH_ROWS_MAX && bytes <= BATCH_BYTES_MAX;
    this.#promises.expect(rows.length > 0, "a batch is empty");
    this.#promises.expect(isSmall || rows.length === 1, "a batch is too large");
  }

  isBad(rows: readonly NewMessage[]): boolean {
    return rows.some((row) => this.#inserts.get(row)?.isBad);
  }

  /** The transaction was committed. Returns the outcome of each row. */
  committed(rows: readonly NewMessage[]): readonly InsertOutcome[] {
    const outcomes = this.#store(rows);
    for (const [at, row] of rows.entries()) {
      const insert = this.#inserts.get(row);
      if (insert !== undefined) insert.expected = { outcome: outcomes[at] as InsertOutcome };
    }
    this.#ended();
    return outcomes;
  }

  /** A row is refused by the database, so nothing of the transaction is stored. */
  rejected(rows: readonly NewMessage[]): Error {
    const error = new Error("a bad row");
    if (rows.length > 1) {
      this.#alone = [...this.#batch];
      return error;
    }
    for (const row of rows) this.#refuse(this.#inserts.get(row), error);
    this.#ended();
    return error;
  }

  /** The store is unavailable. Whether the rows are stored is unknown to the caller. */
  failed(rows: readonly NewMessage[], { stored }: { readonly stored: boolean }): void {
    if (stored && !this.isBad(rows)) this.#store(rows);
    const isAlone = this.#alone.length > 0;
    for (const insert of isAlone ? this.#alone : [...this.#batch, ...this.#queue])
      this.#refuse(insert, StoreUnavailable);
    this.#alone = [];
    this.#batch = [];
    if (isAlone) return;
    this.#queue = [];
    this.#queueBytes = 0;
  }

  answered(insert: Insert, outcome: InsertOutcome): void {
    this.#note(insert);
    const { expected } = insert;
    this.#promises.expect(expected !== undefined, "an answer came before its transaction ended");
    const isRight =
      expected === undefined || ("outcome" in expected && expected.outcome === outcome);
    this.#promises.expect(isRight, "an insert has the outcome of another one");
  }

  refused(insert: Insert, error: unknown): void {
    this.#note(insert);
    const { expected } = insert;
    const isRight =
      expected !== undefined &&
      "refused" in expected &&
      (typeof expected.refused === "function"
        ? error instanceof expected.refused
        : error === expected.refused);
    this.#promises.expect(isRight, `an insert was refused without a reason: ${error}`);
  }

  #join(insert: Insert): void {
    this.#queue.push(insert);
    this.#queueBytes += insert.bytes;
  }

  #note(insert: Insert): void {
    this.#promises.expect(!insert.isAnswered, "an insert was answered twice");
    insert.isAnswered = true;
    this.#unanswered--;
    this.#inserts.delete(insert.row);
  }

  #store(rows: readonly NewMessage[]): readonly InsertOutcome[] {
    return rows.map(({ messageId, text }) => {
      const known = this.#stored.get(messageId);
      if (known === undefined) this.#stored.set(messageId, text);
      return known === undefined ? "created" : known === text ? "duplicate" : "conflict";
    });
  }

  #refuse(insert: Insert | undefined, refused: Error | typeof StoreUnavailable): void {
    if (insert !== undefined) insert.expected = { refused };
  }

  /** A transaction has ended. The batch has ended with it, or with the last of its rows. */
  #ended(): void {
    this.#alone.shift();
    if (this.#alone.length === 0) this.#batch = [];
  }
}

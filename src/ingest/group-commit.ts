import { Overloaded, StoreUnavailable } from "../domain/errors.ts";
import type { NewMessage } from "../domain/message.ts";
import type { RequestTrace, Tracing } from "../observe/trace.ts";
import type { Runtime } from "../runtime.ts";
import type { InsertOutcome, Store } from "../store/store.ts";
import { CommitPace } from "./commit-pace.ts";

/**
 * The maximum size of a transaction with long messages. With usual messages the row limit of {@link
 * CommitPace} comes first.
 */
const BYTES_PER_BATCH_MAX = 4 * 1024 * 1024;
/** A batch of this many rows need not wait for others. */
const ROWS_AT_ONCE = 16;
/** How often a gathering batch checks whether it has enough rows. */
const GATHER_STEP_MS = 2;
const QUEUE_ROWS_MAX = 10_000;
const QUEUE_BYTES_MAX = 64 * 1024 * 1024;
/**
 * Longer than another process usually holds the lock. Past this delay the batch ahead is not going
 * to finish in time.
 */
const STALLED_MS = 1_500;

interface Waiting {
  readonly row: NewMessage;
  readonly bytes: number;
  /** When it arrived, by the monotonic clock. */
  readonly sinceMs: number;
  readonly trace: RequestTrace | undefined;
  readonly resolve: (outcome: InsertOutcome) => void;
  readonly reject: (error: unknown) => void;
}

export interface GroupCommitOptions {
  readonly store: Pick<Store, "insertMessages">;
  readonly tracing?: Pick<Tracing, "committed"> | undefined;
  /** Calls back in the next turn of the event loop. A simulation decides when that is. */
  readonly nextTurn?: (resume: () => void) => void;
}

/**
 * Combines many concurrent inserts into few transactions. While one batch is being fsynced, the
 * next one gathers, so no timer is needed. On a slow disk, a batch waits a moment for senders that
 * were just answered. Otherwise each of them would miss the next batch, and each batch would hold
 * half of them. A caller is answered only after its row is durable.
 */
export class GroupCommit {
  readonly #store: GroupCommitOptions["store"];
  readonly #clock: Runtime["clock"];
  readonly #metrics: Runtime["metrics"];
  readonly #tracing: GroupCommitOptions["tracing"];
  readonly #nextTurn: (resume: () => void) => void;
  readonly #pace = new CommitPace();
  #queue: Waiting[] = [];
  /**
   * The number of messages to expect: those that waited at the end of the last batch, and those it
   * answered.
   */
  #expectedRows = 0;
  /** The number of messages that waited at the end of the last batch. */
  #waitingRows = 0;
  #queueBytes = 0;
  /** How long the oldest message of the newest batch had waited. */
  #waitedMs = 0;
  /** The first message of the batch that is being committed. It is the oldest of all. */
  #committing: Waiting | undefined;
  #running: Promise<void> | undefined;
  #enough = () => {};
  #stopped = false;

  constructor(
    { clock, metrics }: Pick<Runtime, "clock" | "metrics">,
    { store, tracing, nextTurn = setImmediate }: GroupCommitOptions,
  ) {
    this.#clock = clock;
    this.#metrics = metrics;
    this.#store = store;
    this.#tracing = tracing;
    this.#nextTurn = nextTurn;
  }

  queueRows(): number {
    return this.#queue.length;
  }

  queueBytes(): number {
    return this.#queueBytes;
  }

  /**
   * How long messages wait for their turn: the wait of the oldest message in the newest batch. If
   * no batch has started for long, it is the age of the oldest message in the queue. A queue that
   * formed during one slow commit is taken at once and means little. A queue that stays means that
   * more messages arrive than the database can store.
   */
  queueDelayMs(): number {
    const [oldest] = this.#queue;
    if (oldest === undefined) return 0;
    const waitsMs = this.#clock.monotonic() - oldest.sinceMs;
    return waitsMs > STALLED_MS ? waitsMs : this.#waitedMs;
  }

  /**
   * The age of the oldest uncommitted message, in the queue or in its batch; 0 when there is none.
   */
  oldestAgeMs(): number {
    const oldest = this.#committing ?? this.#queue[0];
    return oldest === undefined ? 0 : this.#clock.monotonic() - oldest.sinceMs;
  }

  /**
   * Resolves once the row is on disk. `bytes` counts towards the limit of the queue. Rejects as
   * {@link Store.insertMessages} does, and with `Overloaded` when the queue is full.
   */
  insert(row: NewMessage, bytes: number, trace?: RequestTrace): Promise<InsertOutcome> {
    if (this.#stopped) return Promise.reject(new StoreUnavailable("shutting down"));
    if (this.#queue.length >= QUEUE_ROWS_MAX || this.#queueBytes + bytes > QUEUE_BYTES_MAX) {
      return Promise.reject(new Overloaded("too many messages are waiting to be stored"));
    }
    return new Promise((resolve, reject) => {
      this.#queue.push({ row, bytes, sinceMs: this.#clock.monotonic(), trace, resolve, reject });
      this.#queueBytes += bytes;
      this.#running ??= this.#run();
      if (this.#queue.length === ROWS_AT_ONCE) this.#enough();
    });
  }

  /**
   * Accepts no more messages, and resolves when all earlier ones are answered. Safe to call twice.
   */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    await this.#gather();
    let answer = () => {};
    while (this.#queue.length > 0) {
      const batch = this.#take(this.#pace.rowsMax, BYTES_PER_BATCH_MAX);
      const committed = this.#commit(batch);
      // The previous batch is answered while this one is being written: neither thread waits for
      // the other.
      answer();
      answer = await committed;
      const { gathers } = this.#pace;
      if (gathers || this.#queue.length === 0) {
        this.#waitingRows = this.#queue.length;
        this.#expectedRows = batch.length + this.#waitingRows;
        answer();
        answer = () => {};
      }
      if (gathers && this.#queue.length > 0) await this.#gather();
    }
    this.#running = undefined;
  }

  /** Resolves when the next batch should begin. */
  #gather(): Promise<void> {
    if (this.#pace.gathers) return this.#gatherSlowly();
    // Waits one turn of the event loop, so that requests that arrived together share the first
    // batch. It does not wait for all of them: otherwise the writer is idle while the last are
    // parsed, and the event loop is idle while they are stored.
    return new Promise<void>((resolve) => {
      this.#enough = resolve;
      this.#nextTurn(resolve);
    });
  }

  /**
   * Waits while senders of the previous batch come back. They come back faster than new messages
   * arrive. So it stops when the rate falls to twice the usual rate. It also stops after half of
   * the time if fewer than half of them are back: the rest of the time is then too short for all.
   */
  async #gatherSlowly(): Promise<void> {
    const { gatherMs, quietMs, slowMs } = this.#pace;
    const enough = Math.min(this.#pace.rowsMax, this.#expectedRows);
    const usualRows = (this.#waitingRows / slowMs) * quietMs;
    const beginMs = this.#clock.monotonic();
    let rows = this.#queue.length;
    let lookMs = beginMs + quietMs;
    let inVain = false;
    while (!this.#stopped && !inVain && this.#queue.length < enough) {
      await this.#clock.sleep(GATHER_STEP_MS);
      const nowMs = this.#clock.monotonic();
      if (nowMs >= lookMs) {
        if (this.#queue.length - rows <= 2 * usualRows) break;
        rows = this.#queue.length;
        lookMs = nowMs + quietMs;
      }
      const share = (nowMs - beginMs) / gatherMs;
      inVain = share >= 1 || (share >= 0.5 && this.#queue.length < enough / 2);
    }
    this.#pace.noteGathered(inVain && this.#queue.length < enough);
  }

  #take(rowsMax: number, bytesMax: number): readonly Waiting[] {
    let bytes = 0;
    const tooLong = this.#queue.findIndex((waiting, at) => {
      bytes += waiting.bytes;
      return at === rowsMax || (at > 0 && bytes > bytesMax);
    });
    const rows = tooLong === -1 ? this.#queue.length : tooLong;
    const batch = this.#queue.slice(0, rows);
    this.#queue = this.#queue.slice(rows);
    for (const waiting of batch) this.#queueBytes -= waiting.bytes;
    const [oldest] = batch;
    // Waiting for the previous commit is due to the disk, not to overload.
    const paceMs = this.#pace.slowMs + this.#pace.gatherMs;
    if (oldest !== undefined)
      this.#waitedMs = Math.max(0, this.#clock.monotonic() - oldest.sinceMs - paceMs);
    return batch;
  }

  /** Resolves when the batch is durable or refused. The returned function answers its callers. */
  async #commit(batch: readonly Waiting[]): Promise<() => void> {
    const fromMs = this.#clock.monotonic();
    let failed = false;
    [this.#committing] = batch;
    try {
      const outcomes = await this.#store.insertMessages(batch.map(({ row }) => row));
      return () => {
        for (const [index, { resolve }] of batch.entries())
          resolve(outcomes[index] as InsertOutcome);
      };
    } catch (error) {
      failed = true;
      this.#metrics.commitFailures.inc();
      return await this.#refused(batch, error);
    } finally {
      this.#committing = undefined;
      const toMs = this.#clock.monotonic();
      this.#metrics.commitSeconds.observe((toMs - fromMs) / 1_000);
      this.#metrics.commitRows.observe(batch.length);
      if (!failed) this.#pace.note(batch.length, toMs - fromMs);
      this.#tracing?.committed({ messages: batch, fromMs, toMs, failed });
    }
  }

  /** Stores each row in its own transaction, so that a bad row fails alone. */
  async #oneByOne(batch: readonly Waiting[]): Promise<() => void> {
    const answers: (() => void)[] = [];
    let failure: unknown;
    for (const { row, resolve, reject } of batch) {
      try {
        // Otherwise each of hundreds of rows would wait for the lock as long as the first did.
        if (failure instanceof StoreUnavailable) throw failure;
        const [outcome] = await this.#store.insertMessages([row]);
        answers.push(() => resolve(outcome as InsertOutcome));
      } catch (error) {
        failure = error;
        answers.push(() => reject(error));
      }
    }
    return () => answers.forEach((answer) => void answer());
  }

  async #refused(batch: readonly Waiting[], error: unknown): Promise<() => void> {
    if (error instanceof StoreUnavailable) {
      // The messages in the queue would wait as long for the same error, so all are refused at
      // once.
      const behind = this.#take(QUEUE_ROWS_MAX, QUEUE_BYTES_MAX);
      for (const { trace, sinceMs } of behind)
        trace?.part("wait", sinceMs, this.#clock.monotonic());
      const all = [...batch, ...behind];
      return () => all.forEach(({ reject }) => void reject(error));
    }
    if (batch.length === 1) return () => batch.forEach(({ reject }) => void reject(error));
    return this.#oneByOne(batch);
  }
}

import { Overloaded, StoreUnavailable } from "../domain/errors.ts";
import type { NewMessage } from "../domain/message.ts";
import type { RequestTrace, Tracing } from "../observe/trace.ts";
import type { Runtime } from "../runtime.ts";
import type { InsertOutcome, Store } from "../store/store.ts";
import { CommitPace } from "./commit-pace.ts";

/** What one transaction may hold of long messages: of the usual ones, its bound of rows is reached first. See {@link CommitPace}. */
const BYTES_PER_BATCH_MAX = 4 * 1024 * 1024;
/** So many rows need not wait for others. */
const ROWS_AT_ONCE = 16;
/** How often a batch that gathers looks whether it has enough. */
const GATHER_STEP_MS = 2;
const QUEUE_ROWS_MAX = 10_000;
const QUEUE_BYTES_MAX = 64 * 1024 * 1024;
/** Longer than another process holds the lock on a good day. Who waits so long behind a batch waits for nothing. */
const STALLED_MS = 1_500;

interface Waiting {
  readonly row: NewMessage;
  readonly bytes: number;
  /** When it came, of the monotonic clock. */
  readonly sinceMs: number;
  readonly trace: RequestTrace | undefined;
  readonly resolve: (outcome: InsertOutcome) => void;
  readonly reject: (error: unknown) => void;
}

export interface GroupCommitOptions {
  readonly store: Pick<Store, "insertMessages">;
  readonly tracing?: Pick<Tracing, "committed"> | undefined;
}

/**
 * Many concurrent inserts in, few transactions out. While one batch is being fsynced the next one gathers, so no timer is needed. On a
 * slow disk senders that were answered get a moment to come back: otherwise they would wait for the batch behind the next, and each batch
 * would hold half of them.
 * A caller is answered only after its row is durable.
 */
export class GroupCommit {
  readonly #store: GroupCommitOptions["store"];
  readonly #clock: Runtime["clock"];
  readonly #metrics: Runtime["metrics"];
  readonly #tracing: GroupCommitOptions["tracing"];
  readonly #pace = new CommitPace();
  #queue: Waiting[] = [];
  /** The messages to come: those that waited and those that were answered when the last batch was done. */
  #expectedRows = 0;
  /** Those of them that waited. */
  #waitingRows = 0;
  #queueBytes = 0;
  /** How long the oldest of the newest batch had waited. */
  #waitedMs = 0;
  /** The first message of the batch that is being committed, which is the oldest of all. */
  #committing: Waiting | undefined;
  #running: Promise<void> | undefined;
  #enough = () => {};
  #stopped = false;

  constructor({ clock, metrics }: Pick<Runtime, "clock" | "metrics">, { store, tracing }: GroupCommitOptions) {
    this.#clock = clock;
    this.#metrics = metrics;
    this.#store = store;
    this.#tracing = tracing;
  }

  queueRows(): number {
    return this.#queue.length;
  }

  queueBytes(): number {
    return this.#queueBytes;
  }

  /**
   * How long messages wait for their turn: the oldest of the newest batch did, or, when no batch has been taken for long, the oldest of all
   * does. A queue that came together behind one slow commit is taken at once and tells little; one that stays tells that more comes in than
   * the database takes.
   */
  queueDelayMs(): number {
    const [oldest] = this.#queue;
    if (oldest === undefined) return 0;
    const waitsMs = this.#clock.monotonic() - oldest.sinceMs;
    return waitsMs > STALLED_MS ? waitsMs : this.#waitedMs;
  }

  /** How long the oldest message that is not committed yet has waited, in the queue and in its batch; 0 when there is none. */
  oldestAgeMs(): number {
    const oldest = this.#committing ?? this.#queue[0];
    return oldest === undefined ? 0 : this.#clock.monotonic() - oldest.sinceMs;
  }

  /** Resolves once the row is on disk; `bytes` is its size for the bound of the queue. Rejects as {@link Store.insertMessages} does, and with `Overloaded` past the bounds. */
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

  /** Resolves when everything accepted so far is answered; nothing more is accepted. Safe twice. */
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
      // The batch before is answered while this one is on its way: neither thread waits for the other.
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
    // One turn of the event loop, so that the requests which arrived together share the first batch; but not all of them, or
    // the writer would wait while the last are parsed, and the event loop while they are stored.
    return new Promise<void>((resolve) => {
      this.#enough = resolve;
      setImmediate(resolve);
    });
  }

  /**
   * Waits while senders come back from the batch that was answered. They come faster than messages do by themselves, so it ends when
   * not even twice as many come as did during the commit. When after half of the time not even half of them are back, the rest of the
   * time is too short for all.
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
    // To wait for the commit before is the disk's pace, not a queue that stays.
    const paceMs = this.#pace.slowMs + this.#pace.gatherMs;
    if (oldest !== undefined) this.#waitedMs = Math.max(0, this.#clock.monotonic() - oldest.sinceMs - paceMs);
    return batch;
  }

  /** Resolves, when the batch is durable or refused, with what tells its callers so. */
  async #commit(batch: readonly Waiting[]): Promise<() => void> {
    const fromMs = this.#clock.monotonic();
    let failed = false;
    [this.#committing] = batch;
    try {
      const outcomes = await this.#store.insertMessages(batch.map(({ row }) => row));
      return () => {
        for (const [index, { resolve }] of batch.entries()) resolve(outcomes[index] as InsertOutcome);
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

  /** One bad row spoils a whole transaction; alone, it spoils only its own. */
  async #oneByOne(batch: readonly Waiting[]): Promise<() => void> {
    const answers: (() => void)[] = [];
    let failure: unknown;
    for (const { row, resolve, reject } of batch) {
      try {
        // Each of hundreds would wait for a lock as long as the first did.
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
      // Those who wait behind would meet the same after waiting as long again: all are told at once.
      const behind = this.#take(QUEUE_ROWS_MAX, QUEUE_BYTES_MAX);
      for (const { trace, sinceMs } of behind) trace?.part("wait", sinceMs, this.#clock.monotonic());
      const all = [...batch, ...behind];
      return () => all.forEach(({ reject }) => void reject(error));
    }
    if (batch.length === 1) return () => batch.forEach(({ reject }) => void reject(error));
    return this.#oneByOne(batch);
  }
}

import { setTimeout as sleep } from "node:timers/promises";
import { StoreBroken } from "../../../domain/errors.ts";
import type { IndexStep } from "./index-messages.ts";

/**
 * A step begins when this many messages wait. Larger steps are cheaper (18 µs of CPU a message in
 * steps of 2,000, 12 in steps of 8,000), and reads scan the messages that wait.
 */
const INDEX_AT_ROWS = 8_000;
/** Fewer messages than that wait this long for more. */
const QUIET_MS = 500;
/**
 * The messages of one transaction. With far more, the next step would wait for long, and the
 * index's log would grow.
 */
const ROWS_PER_STEP_MAX = 20_000;
const RETRY_MS = 1_000;

export interface IndexLoopOptions {
  /** Indexes at most this many messages in the index thread. */
  readonly step: (rowsMax: number) => Promise<IndexStep>;
  readonly backlog: number;
  /** Awaited after each step, when the index thread reads nothing. */
  readonly between: () => Promise<void>;
  /** Called with the error of a failed step. The step is repeated. */
  readonly failed: (error: unknown) => void;
}

/**
 * Keeps the read index up to date. It runs a step as soon as enough messages wait, otherwise after
 * a pause.
 */
export class IndexLoop {
  readonly #options: IndexLoopOptions;
  readonly #stopping = new AbortController();
  #backlog: number;
  #running: Promise<void> | undefined;
  #wake = () => {};

  constructor(options: IndexLoopOptions) {
    this.#options = options;
    this.#backlog = options.backlog;
    this.#running = this.#run();
  }

  /** Messages that are stored and not indexed yet. The number may be too high, but not too low. */
  backlogRows(): number {
    return this.#backlog;
  }

  /** Must be called after messages were stored. */
  stored(rows: number): void {
    this.#backlog += rows;
    if (this.#backlog >= INDEX_AT_ROWS) this.#wake();
    if (!this.#stopping.signal.aborted) this.#running ??= this.#run();
  }

  /** Resolves when the current step is done. Safe to call twice. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#wake();
    await this.#running;
  }

  async #run(): Promise<void> {
    do {
      await this.#step();
      if (this.#backlog < INDEX_AT_ROWS) await this.#quiet(QUIET_MS);
    } while (this.#backlog > 0 && !this.#stopping.signal.aborted);
    this.#running = undefined;
  }

  async #step(): Promise<void> {
    const before = this.#backlog;
    try {
      const { backlog } = await this.#options.step(ROWS_PER_STEP_MAX);
      // Messages stored during the step may be counted in both numbers. That is one step too many,
      // which is harmless.
      this.#backlog = backlog + this.#backlog - before;
      await this.#options.between();
    } catch (error) {
      this.#options.failed(error);
      if (error instanceof StoreBroken) this.#stopping.abort();
      // Not woken by new messages: under load there are always some.
      else
        await sleep(RETRY_MS, undefined, { signal: this.#stopping.signal, ref: false }).catch(
          () => undefined,
        );
    }
  }

  async #quiet(ms: number): Promise<void> {
    if (this.#stopping.signal.aborted) return;
    const woken = new AbortController();
    this.#wake = () => woken.abort();
    await sleep(ms, undefined, { signal: woken.signal, ref: false }).catch(() => undefined);
    this.#wake = () => {};
  }
}

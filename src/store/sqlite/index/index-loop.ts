import { setTimeout as sleep } from "node:timers/promises";
import { StoreBroken } from "../../../domain/errors.ts";
import type { IndexStep } from "./index-messages.ts";

/**
 * A step begins when this many messages wait. Larger steps are cheaper (18 µs of CPU a message in steps of 2,000, 12 in steps of
 * 8,000), and reads scan the messages that wait.
 */
const INDEX_AT_ROWS = 8_000;
/** Fewer wait this long for others. */
const QUIET_MS = 500;
/** What one transaction takes in; far more would make the next step wait for long, and the index's log grow. */
const ROWS_PER_STEP_MAX = 20_000;
const RETRY_MS = 1_000;

export interface IndexLoopOptions {
  /** Indexes messages in the index thread, at most this many. */
  readonly step: (rowsMax: number) => Promise<IndexStep>;
  readonly backlog: number;
  /** Awaited after each step, when the index thread reads nothing. */
  readonly between: () => Promise<void>;
  /** Told why a step failed; it is tried again. */
  readonly failed: (error: unknown) => void;
}

/** Keeps the read index close behind the messages: one step after the other while there is enough, then when it has been quiet. */
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

  /** Messages that are stored and not indexed yet; never too few. */
  backlogRows(): number {
    return this.#backlog;
  }

  /** To be told after messages were stored. */
  stored(rows: number): void {
    this.#backlog += rows;
    if (this.#backlog >= INDEX_AT_ROWS) this.#wake();
    if (!this.#stopping.signal.aborted) this.#running ??= this.#run();
  }

  /** Resolves when the step under way is done. Safe twice. */
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
      // What was stored meanwhile may be counted in both: one step too many, never one too few.
      this.#backlog = backlog + this.#backlog - before;
      await this.#options.between();
    } catch (error) {
      this.#options.failed(error);
      if (error instanceof StoreBroken) this.#stopping.abort();
      // Not woken by what comes in: under load there is always something.
      else await sleep(RETRY_MS, undefined, { signal: this.#stopping.signal, ref: false }).catch(() => undefined);
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

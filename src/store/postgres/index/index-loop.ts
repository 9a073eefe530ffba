import { setTimeout as sleep } from "node:timers/promises";
import type { Database } from "../database.ts";
import { backlogOf, indexMessages } from "./index-messages.ts";
import { watermarks } from "./streams.ts";
import { emptyPendingList } from "./trigrams.ts";
import type { VisibilityDelay } from "./visibility-delay.ts";

/** Each step has a fixed cost, and reads scan what is not counted. */
const COUNT_AT_ROWS = 5_000;
/** Fewer messages than that wait this long for more. */
const QUIET_MS = 1_000;
/** The pause before the next attempt when this process cannot count the remaining messages now. */
const OTHERS_MS = 1_000;
/** Messages that a dead process left uncounted are counted by the process that checks next. */
const IDLE_MS = 10_000;
const RETRY_MS = 1_000;
/**
 * Adding texts to the search index costs 25 µs a message in steps of 4,000, and 16 in steps of
 * 8,000. Searches scan the pending ones.
 */
const SEARCH_INDEX_AT_ROWS = 8_000;

export interface IndexLoopOptions {
  /** The id of this process. */
  readonly holder: string;
  /** The number of messages that wait to be counted. */
  readonly backlog: number;
  readonly visibilityDelay: VisibilityDelay;
}

/** Keeps the counts up to date, together with all other processes of the database. */
export class IndexLoop {
  readonly #database: Database;
  readonly #holder: string;
  readonly #visibilityDelay: VisibilityDelay;
  readonly #stopping = new AbortController();
  readonly #running: Promise<void>;
  #backlog: number;
  #wake = () => {};
  /** Messages of this process that may wait to be added to the search index. */
  #pendingTexts = 0;

  constructor(database: Database, { holder, backlog, visibilityDelay }: IndexLoopOptions) {
    this.#database = database;
    this.#holder = holder;
    this.#visibilityDelay = visibilityDelay;
    this.#backlog = backlog;
    this.#running = this.#run();
  }

  /**
   * Messages that are stored and not counted yet: those of this process, and those of the others as
   * of a moment ago.
   */
  backlogRows(): number {
    return this.#backlog;
  }

  /** Must be called after messages were stored. */
  stored(rows: number): void {
    this.#pendingTexts += rows;
    const before = this.#backlog;
    this.#backlog += rows;
    // The first message wakes the loop when it had nothing to do. Otherwise it waits for many.
    if (before === 0 || this.#backlog >= COUNT_AT_ROWS) this.#wake();
  }

  /** Resolves when the current step is done. Safe to call twice. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#wake();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      if (
        this.#pendingTexts >= SEARCH_INDEX_AT_ROWS ||
        (this.#backlog === 0 && this.#pendingTexts > 0)
      )
        await this.#index();
      if (this.#backlog === 0) await this.#pause(IDLE_MS);
      if (this.#backlog < COUNT_AT_ROWS) await this.#pause(QUIET_MS);
      if (!this.#stopping.signal.aborted) await this.#step();
    }
  }

  async #step(): Promise<void> {
    const before = this.#backlog;
    try {
      const { advanced, backlog } = await indexMessages(this.#database, this.#holder, {
        visibilityDelay: this.#visibilityDelay,
      });
      // Messages stored during the step may be counted in both numbers. That is one step too many,
      // which is harmless.
      this.#backlog = (backlog ?? (await this.#othersBacklog())) + this.#backlog - before;
      // Another process is counting, or no message is visible long enough yet.
      if (!advanced && this.#backlog > 0) await this.#quiet(OTHERS_MS);
    } catch {
      // Not woken by new messages: under load there are always some. Reads stay exact, and the
      // metric shows the backlog.
      await this.#quiet(RETRY_MS);
    }
  }

  async #index(): Promise<void> {
    this.#pendingTexts = 0;
    await emptyPendingList(this.#database);
  }

  #othersBacklog(): Promise<number> {
    return this.#database.transaction(async (tx) => backlogOf(tx, await watermarks(tx)), {
      mode: "ISOLATION LEVEL REPEATABLE READ READ ONLY",
    });
  }

  async #pause(ms: number): Promise<void> {
    if (this.#stopping.signal.aborted) return;
    const woken = new AbortController();
    this.#wake = () => woken.abort();
    await sleep(ms, undefined, { signal: woken.signal, ref: false }).catch(() => undefined);
    this.#wake = () => {};
  }

  async #quiet(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#stopping.signal, ref: false }).catch(
      () => undefined,
    );
  }
}

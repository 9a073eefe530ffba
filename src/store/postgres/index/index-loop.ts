import { setTimeout as sleep } from "node:timers/promises";
import type { Database } from "../database.ts";
import { backlogOf, indexMessages } from "./index-messages.ts";
import { watermarks } from "./streams.ts";
import { emptyPendingList } from "./trigrams.ts";
import type { VisibilityDelay } from "./visibility-delay.ts";

/** A step costs more by its number than by its rows, and reads look through what is not counted. */
const COUNT_AT_ROWS = 5_000;
/** Fewer wait this long for others. */
const QUIET_MS = 1_000;
/** How long to wait before asking again, when there is something that this process cannot count now. */
const OTHERS_MS = 1_000;
/** What a process that died has left is taken in by whoever looks next. */
const IDLE_MS = 10_000;
const RETRY_MS = 1_000;
/** Taking texts into the index of the search costs 25 µs a message by 4,000 of them, 16 by 8,000; and searches look through those that wait. */
const SEARCH_INDEX_AT_ROWS = 8_000;

export interface IndexLoopOptions {
  /** Tells this process from the others. */
  readonly holder: string;
  /** What waits to be counted. */
  readonly backlog: number;
  readonly visibilityDelay: VisibilityDelay;
}

/** Keeps the counts close behind the messages, together with every other process of the database. */
export class IndexLoop {
  readonly #database: Database;
  readonly #holder: string;
  readonly #visibilityDelay: VisibilityDelay;
  readonly #stopping = new AbortController();
  readonly #running: Promise<void>;
  #backlog: number;
  #wake = () => {};
  /** Messages of this process that may wait to be taken into the index of the search. */
  #pendingTexts = 0;

  constructor(database: Database, { holder, backlog, visibilityDelay }: IndexLoopOptions) {
    this.#database = database;
    this.#holder = holder;
    this.#visibilityDelay = visibilityDelay;
    this.#backlog = backlog;
    this.#running = this.#run();
  }

  /** Messages that are stored and not counted yet, of this process as far as it knows, and of the others as of a moment ago. */
  backlogRows(): number {
    return this.#backlog;
  }

  /** To be told after messages were stored. */
  stored(rows: number): void {
    this.#pendingTexts += rows;
    const before = this.#backlog;
    this.#backlog += rows;
    // Whoever sleeps because there was nothing is woken by the first, whoever waits for more by many.
    if (before === 0 || this.#backlog >= COUNT_AT_ROWS) this.#wake();
  }

  /** Resolves when the step under way is done. Safe twice. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#wake();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      if (this.#pendingTexts >= SEARCH_INDEX_AT_ROWS || (this.#backlog === 0 && this.#pendingTexts > 0))
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
      // What was stored meanwhile may be counted in both: one step too many, never one too few.
      this.#backlog = (backlog ?? (await this.#othersBacklog())) + this.#backlog - before;
      // Another process counts, or nothing has settled yet.
      if (!advanced && this.#backlog > 0) await this.#quiet(OTHERS_MS);
    } catch {
      // Not woken by what comes in: under load there is always something. Reads stay exact meanwhile, and the metric tells.
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
    await sleep(ms, undefined, { signal: this.#stopping.signal, ref: false }).catch(() => undefined);
  }
}

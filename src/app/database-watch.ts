import { StoreUnavailable } from "../domain/errors.ts";
import { failureInWords } from "../domain/failure-words.ts";
import type { Runtime } from "../runtime.ts";
import type { Store } from "../store/store.ts";

const LOOK_EVERY_MS = 2_000;

interface Outage {
  readonly sinceMs: number;
  /**
   * Whether the database answers but takes no messages. Then only a stored message ends the outage.
   */
  writesOnly: boolean;
}

/** Logs one line when the database becomes unavailable and one when it is back. */
export class DatabaseWatch {
  readonly #runtime: Pick<Runtime, "clock" | "log">;
  readonly #problem: () => Promise<string | null>;
  readonly #stopping = new AbortController();
  readonly #running: Promise<void>;
  #outage: Outage | undefined;
  #checking: Promise<void> = Promise.resolve();

  /**
   * `problem` resolves with what is wrong with the database, as a sentence; with null when it
   * answers.
   */
  constructor(runtime: Pick<Runtime, "clock" | "log">, problem: () => Promise<string | null>) {
    this.#runtime = runtime;
    this.#problem = problem;
    this.#running = this.#run();
  }

  /** The same store, with its writes watched. */
  watching(store: Pick<Store, "insertMessages">): Pick<Store, "insertMessages"> {
    return {
      insertMessages: async (rows) => {
        try {
          const outcomes = await store.insertMessages(rows);
          if (this.#outage?.writesOnly) this.#end();
          return outcomes;
        } catch (error) {
          if (error instanceof StoreUnavailable && this.#outage === undefined)
            this.#checkAfter(error);
          throw error;
        }
      },
    };
  }

  /** Resolves when nothing runs any more. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
    await this.#checking;
  }

  async #run(): Promise<void> {
    const { clock } = this.#runtime;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      const reason = await this.#problem();
      if (signal.aborted) return;
      if (reason !== null) this.#begin(reason, false);
      else if (this.#outage?.writesOnly === false) this.#end();
      await clock.sleep(LOOK_EVERY_MS, signal).catch(() => undefined);
    }
  }

  /** A write failed. Either the database is unavailable, or it answers but takes no messages. */
  #checkAfter(error: StoreUnavailable): void {
    const checked = this.#problem().then((reason) => {
      if (!this.#stopping.signal.aborted)
        this.#begin(reason ?? failureInWords(error), reason === null);
    });
    this.#checking = Promise.all([this.#checking, checked]).then(() => undefined);
  }

  #begin(reason: string, writesOnly: boolean): void {
    const { clock, log } = this.#runtime;
    if (this.#outage !== undefined) {
      this.#outage.writesOnly &&= writesOnly;
      return;
    }
    this.#outage = { sinceMs: clock.monotonic(), writesOnly };
    const what = writesOnly ? "takes no messages" : "is unavailable";
    const msg = `the database ${what}: webhooks get 503 and their senders retry until it is back`;
    log.error({ msg, dependency: "database", reason });
  }

  #end(): void {
    const { clock, log } = this.#runtime;
    if (this.#outage === undefined) return;
    const outageMs = Math.round(clock.monotonic() - this.#outage.sinceMs);
    this.#outage = undefined;
    log.info({ msg: "the database is back", dependency: "database", outage_ms: outageMs });
  }
}

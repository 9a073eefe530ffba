import { setTimeout } from "node:timers/promises";
import type { Ledger } from "./ledger.ts";

const SENDERS = 32;
/** One of this many is signed wrongly and must be refused. */
const FORGED_EVERY = 50;
/**
 * After a refusal the sender pauses, like real senders. Otherwise a fault would cause nothing but
 * failures.
 */
const AFTER_FAILURE_MS = 100;
/** How long to wait on a machine that is busy with other tests, where time does not matter. */
const PATIENCE_MS_MAX = 30_000;

let runs = 0;

/**
 * Many senders that each wait for their answer, from now until `stop` or the end of the scope. With
 * a pause after each answer, a long load takes little of the machine.
 */
export class Load implements AsyncDisposable {
  readonly #stopping = new AbortController();
  readonly #senders: readonly Promise<void>[];
  #accepted = 0;
  #failed = 0;
  #waiting = 0;

  constructor(ledger: Ledger, url: string, pauseMs = 0) {
    const run = ++runs;
    let sent = 0;
    const pause = (ms: number) =>
      setTimeout(ms, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
    const sender = async () => {
      while (!this.#stopping.signal.aborted) {
        this.#waiting++;
        const fate = await ledger.send(url, `r${run}-${++sent}`, {
          forged: sent % FORGED_EVERY === 0,
        });
        this.#waiting--;
        if (fate === "ok") this.#accepted++;
        if (fate === "unknown") {
          this.#failed++;
          await pause(AFTER_FAILURE_MS);
        } else if (pauseMs > 0) await pause(pauseMs);
      }
    };
    this.#senders = Array.from({ length: SENDERS }, sender);
  }

  get accepted(): number {
    return this.#accepted;
  }

  /** Requests without an answer or with a 5xx. */
  get failed(): number {
    return this.#failed;
  }

  /** Resolves when this many more have been accepted. */
  async accepts(more: number, msMax: number = PATIENCE_MS_MAX): Promise<void> {
    await this.#reaches(() => this.#accepted, this.#accepted + more, msMax, "accepted");
  }

  /** Resolves when this many more have failed. */
  async fails(more: number, msMax: number = PATIENCE_MS_MAX): Promise<void> {
    await this.#reaches(() => this.#failed, this.#failed + more, msMax, "failed");
  }

  async #reaches(count: () => number, goal: number, msMax: number, what: string): Promise<void> {
    const deadline = performance.now() + msMax;
    while (count() < goal) {
      if (performance.now() > deadline)
        throw new Error(
          `${goal - count()} of the requests are not ${what} within ${msMax} ms; ${this.#waiting} wait`,
        );
      await setTimeout(5);
    }
  }

  /** Resolves when every request has ended. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all(this.#senders);
  }

  /**
   * Does not wait for answers: after a failed test there may be none until its service has ended.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
  }
}

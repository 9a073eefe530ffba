import { Abandoned, Overloaded } from "../../domain/errors.ts";

interface Waiting {
  readonly start: () => void;
}

/** So many at once, and so many that wait: the rest is refused. */
export class ReadQueue {
  readonly #waitingMax: number;
  readonly #waiting: Waiting[] = [];
  #free: number;

  constructor({ runningMax, waitingMax }: { readonly runningMax: number; readonly waitingMax: number }) {
    this.#free = runningMax;
    this.#waitingMax = waitingMax;
  }

  waiting(): number {
    return this.#waiting.length;
  }

  /** Runs `work` when it is its turn. Rejects with `Overloaded` when too many wait, and with `Abandoned` when the signal is aborted before. */
  async run<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    if (signal?.aborted) throw abandoned();
    if (this.#free > 0) this.#free--;
    else await this.#turn(signal);
    try {
      return await work();
    } catch (error) {
      throw signal?.aborted ? abandoned() : error;
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free++;
      else next.start();
    }
  }

  #turn(signal: AbortSignal | undefined): Promise<void> {
    if (this.#waiting.length >= this.#waitingMax) throw new Overloaded("too many reads are waiting");
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        reject(abandoned());
      };
      const waiting = {
        start: () => {
          // One signal may serve many reads, one after the other: what hangs on it goes with each.
          signal?.removeEventListener("abort", leave);
          resolve();
        },
      };
      this.#waiting.push(waiting);
      signal?.addEventListener("abort", leave, { once: true });
    });
  }
}

function abandoned(): Abandoned {
  return new Abandoned("nobody waits for it any more");
}

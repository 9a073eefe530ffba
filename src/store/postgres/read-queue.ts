import { Overloaded, ReadCancelled } from "../../domain/errors.ts";

interface Waiting {
  readonly start: () => void;
}

/** How long a read waits for its turn. */
const WAIT_MS_MAX = 5_000;

export interface ReadQueueOptions {
  readonly runningMax: number;
  readonly waitingMax: number;
  readonly waitMsMax?: number;
}

/** Limits how many reads run, how many wait, and for how long. Further reads are refused. */
export class ReadQueue {
  readonly #waitingMax: number;
  readonly #waitMsMax: number;
  readonly #waiting: Waiting[] = [];
  #free: number;

  constructor({ runningMax, waitingMax, waitMsMax = WAIT_MS_MAX }: ReadQueueOptions) {
    this.#waitMsMax = waitMsMax;
    this.#free = runningMax;
    this.#waitingMax = waitingMax;
  }

  waiting(): number {
    return this.#waiting.length;
  }

  /**
   * Runs `work` in its turn. Rejects with `Overloaded` when too many wait or the turn does not come
   * in time, and with `ReadCancelled` when the signal is aborted first.
   */
  async run<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    if (signal?.aborted) throw new ReadCancelled();
    if (this.#free > 0) this.#free--;
    else await this.#turn(signal);
    try {
      return await work();
    } catch (error) {
      throw signal?.aborted ? new ReadCancelled() : error;
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free++;
      else next.start();
    }
  }

  #turn(signal: AbortSignal | undefined): Promise<void> {
    if (this.#waiting.length >= this.#waitingMax)
      throw new Overloaded("too many reads are waiting");
    return new Promise((resolve, reject) => {
      const leave = (error: Error) => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        letGo();
        reject(error);
      };
      const gone = () => leave(new ReadCancelled());
      const timer = setTimeout(
        () => leave(new Overloaded("a read waited too long for its turn")),
        this.#waitMsMax,
      );
      const letGo = () => {
        clearTimeout(timer);
        // One signal may serve many reads one after the other, so each removes its listener.
        signal?.removeEventListener("abort", gone);
      };
      const waiting = {
        start: () => {
          letGo();
          resolve();
        },
      };
      this.#waiting.push(waiting);
      signal?.addEventListener("abort", gone, { once: true });
    });
  }
}

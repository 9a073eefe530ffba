import { Abandoned, Overloaded } from "../domain/errors.ts";

/** As many as connections that one process can be expected to have. */
const WAITING_MAX = 10_000;

/** One reading, and everybody who waits for what comes of it. */
export class Flight<T> {
  readonly #read: (signal: AbortSignal) => Promise<T>;
  readonly #result = Promise.withResolvers<T>();
  readonly #gone = new AbortController();
  #waiting = 0;

  constructor(read: (signal: AbortSignal) => Promise<T>) {
    this.#read = read;
    // When all have gone, nobody is left to take a failure.
    this.#result.promise.catch(() => undefined);
  }

  /** Whether all who waited have gone away: whoever comes now needs another. */
  get abandoned(): boolean {
    return this.#gone.signal.aborted;
  }

  /** Reads, and tells all who wait. Resolves when that is over, whatever came of it. */
  async fly(): Promise<void> {
    if (this.abandoned) return;
    try {
      this.#result.resolve(await this.#read(this.#gone.signal));
    } catch (error) {
      this.#result.reject(error);
    }
  }

  /** Waits with the others. One who goes away stops waiting; the reading is stopped only when all have gone. */
  join(signal: AbortSignal): Promise<T> {
    if (this.#waiting >= WAITING_MAX) return Promise.reject(new Overloaded("too many reads are waiting"));
    this.#waiting++;
    return new Promise<T>((resolve, reject) => {
      const leave = () => {
        this.#waiting--;
        if (this.#waiting === 0) this.#gone.abort();
        reject(new Abandoned("the caller no longer waits for it"));
      };
      if (signal.aborted) return leave();
      signal.addEventListener("abort", leave, { once: true });
      const stay = () => signal.removeEventListener("abort", leave);
      this.#result.promise.finally(stay).then(resolve, reject);
    });
  }
}

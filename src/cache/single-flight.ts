import { Overloaded, ReadCancelled } from "../domain/errors.ts";

/** The maximum number of waiting requests, about as many as a process can have connections. */
const WAITING_MAX = 10_000;

/** One read, and every request that waits for its result. */
export class SingleFlight<T> {
  readonly #read: (signal: AbortSignal) => Promise<T>;
  readonly #result = Promise.withResolvers<T>();
  readonly #cancel = new AbortController();
  #waiting = 0;

  constructor(read: (signal: AbortSignal) => Promise<T>) {
    this.#read = read;
    // When all requests have left, nothing else handles a failure.
    this.#result.promise.catch(() => undefined);
  }

  /** Whether all requests that waited have left. A later request needs another read. */
  get cancelled(): boolean {
    return this.#cancel.signal.aborted;
  }

  /**
   * Reads, and gives the result to all that wait. Resolves when that is done, also after a failure.
   */
  async run(): Promise<void> {
    if (this.cancelled) return;
    try {
      this.#result.resolve(await this.#read(this.#cancel.signal));
    } catch (error) {
      this.#result.reject(error);
    }
  }

  /**
   * Waits for the result. A request that leaves stops waiting; the last one to leave stops the
   * read.
   */
  join(signal: AbortSignal): Promise<T> {
    if (this.#waiting >= WAITING_MAX)
      return Promise.reject(new Overloaded("too many reads are waiting"));
    this.#waiting++;
    return new Promise<T>((resolve, reject) => {
      const leave = () => {
        this.#waiting--;
        if (this.#waiting === 0) this.#cancel.abort();
        reject(new ReadCancelled("the caller no longer waits for it"));
      };
      if (signal.aborted) return leave();
      signal.addEventListener("abort", leave, { once: true });
      const stay = () => signal.removeEventListener("abort", leave);
      this.#result.promise.finally(stay).then(resolve, reject);
    });
  }
}

import { type Clock, within } from "../domain/clock.ts";

/**
 * A figure whose source may hang, such as a database. At most one read is under way, so a database
 * that hangs gets no queue of reads, and no caller waits longer than the limit.
 */
export class TimedRead<T> {
  readonly #clock: Clock;
  readonly #msMax: number;
  readonly #read: () => Promise<T>;
  #running: Promise<T | undefined> | undefined;
  #latest: T | undefined;

  constructor(clock: Clock, msMax: number, read: () => Promise<T>) {
    this.#clock = clock;
    this.#msMax = msMax;
    this.#read = read;
  }

  /** The last value that was read, also when a later read failed or is still under way. */
  get latest(): T | undefined {
    return this.#latest;
  }

  /** The value; undefined when it cannot be read in time. */
  get(): Promise<T | undefined> {
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
    return within(this.#clock, this.#msMax, this.#running);
  }

  async #run(): Promise<T | undefined> {
    try {
      this.#latest = await this.#read();
      return this.#latest;
    } catch {
      return undefined;
    }
  }
}

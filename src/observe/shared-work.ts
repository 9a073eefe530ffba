/**
 * Results that are made at once, so that they are current. Beyond that, there is one a second.
 */
const AT_ONCE_MAX = 4;
const EVERY_MS = 1_000;

export interface SharedWorkOptions<T> {
  readonly work: () => Promise<T>;
  readonly monotonic: () => number;
  /** Default: {@link AT_ONCE_MAX}. */
  readonly atOnceMax?: number;
}

/**
 * Work whose result is expensive. It runs once at a time, and all requests during it share the
 * result. After a few runs the latest result is repeated until the next second, so any number of
 * requests costs at most one run a second.
 */
export class SharedWork<T> {
  readonly #options: SharedWorkOptions<T>;
  readonly #atOnceMax: number;
  #running: Promise<T> | undefined;
  #latest: { readonly result: T } | undefined;
  #runsLeft: number;
  #countedMs: number;

  constructor(options: SharedWorkOptions<T>) {
    this.#options = options;
    this.#atOnceMax = options.atOnceMax ?? AT_ONCE_MAX;
    this.#runsLeft = this.#atOnceMax;
    this.#countedMs = options.monotonic();
  }

  /** The result, which all requests share: it must not be changed. */
  get(): Promise<T> {
    if (this.#running !== undefined) return this.#running;
    if (!this.#mayRun() && this.#latest !== undefined) return Promise.resolve(this.#latest.result);
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #run(): Promise<T> {
    const result = await this.#options.work();
    this.#latest = { result };
    return result;
  }

  #mayRun(): boolean {
    const nowMs = this.#options.monotonic();
    const earned = (nowMs - this.#countedMs) / EVERY_MS;
    this.#runsLeft = Math.min(this.#atOnceMax, this.#runsLeft + earned);
    this.#countedMs = nowMs;
    if (this.#runsLeft < 1) return false;
    this.#runsLeft--;
    return true;
  }
}

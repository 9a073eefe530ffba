/** The maximum number of waiting requests of one kind. */
const WAITING_MAX = 2_000;

/**
 * Admits requests at a bounded rate, in order: a fixed number at each tick. Health checks and
 * scrapes are answered under overload too, so a flood of them must not take all the time of the
 * service.
 */
export class ProbePace {
  readonly #perTickMax: number;
  readonly #waiting: (() => void)[] = [];
  #left: number;

  constructor(perTickMax: number) {
    this.#perTickMax = perTickMax;
    this.#left = perTickMax;
  }

  /** Whether the probe is handled, now or later. False when too many wait. */
  take(handle: () => void): boolean {
    if (this.#left > 0) {
      this.#left--;
      handle();
      return true;
    }
    if (this.#waiting.length >= WAITING_MAX) return false;
    this.#waiting.push(handle);
    return true;
  }

  /** Whether any probe waits for its turn. */
  isBusy(): boolean {
    return this.#waiting.length > 0;
  }

  /** Handles the next ones. */
  tick(): void {
    this.#left = this.#perTickMax - this.#handleNext(this.#perTickMax);
  }

  /** Handles all that wait. */
  releaseAll(): void {
    this.#handleNext(WAITING_MAX);
  }

  #handleNext(countMax: number): number {
    const next = this.#waiting.splice(0, countMax);
    for (const handle of next) handle();
    return next.length;
  }
}

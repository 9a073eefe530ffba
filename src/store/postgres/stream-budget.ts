/** Enough for a night of restarts. Reads examine every stream that was opened in the last day. */
const STREAMS_AT_ONCE = 100;
const REFILL_MS = 30_000;

/**
 * Limits how many streams one process opens. If every batch ends its stream, the connection is too
 * bad to store anything.
 */
export class StreamBudget {
  readonly #nowMs: () => number;
  #left = STREAMS_AT_ONCE;
  #filledMs: number;

  /** `nowMs` must never decrease. */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
    this.#filledMs = nowMs();
  }

  /** Whether another stream may be opened now. */
  allows(): boolean {
    const refills = Math.floor((this.#nowMs() - this.#filledMs) / REFILL_MS);
    this.#filledMs += refills * REFILL_MS;
    this.#left = Math.min(STREAMS_AT_ONCE, this.#left + refills);
    return this.#left > 0;
  }

  /**
   * Must be called when a stream was opened. Attempts while the server is unavailable do not count.
   */
  opened(): void {
    this.#left--;
  }
}

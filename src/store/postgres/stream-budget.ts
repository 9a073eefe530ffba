/** What a night of restarts needs at once; reads look at each stream that was opened in the last day. */
const STREAMS_AT_ONCE = 100;
const REFILL_MS = 30_000;

/** Bounds how many streams one process opens: where each batch ends its stream, the way to the server is not fit to store anything. */
export class StreamBudget {
  readonly #nowMs: () => number;
  #left = STREAMS_AT_ONCE;
  #filledMs: number;

  /** `nowMs` only ever grows. */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
    this.#filledMs = nowMs();
  }

  /** Whether one more may be opened now. */
  allows(): boolean {
    const refills = Math.floor((this.#nowMs() - this.#filledMs) / REFILL_MS);
    this.#filledMs += refills * REFILL_MS;
    this.#left = Math.min(STREAMS_AT_ONCE, this.#left + refills);
    return this.#left > 0;
  }

  /** To be told when one was opened: what is tried while the server is away costs nothing. */
  opened(): void {
    this.#left--;
  }
}

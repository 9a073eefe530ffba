/**
 * A terminal delivers Ctrl-C to every process of its foreground job, and npm passes it on to its child: one key press is two signals.
 * Within this time a repeated signal is the same one.
 */
export const SAME_SIGNAL_MS = 500;

/** Tells the signals of one wish from those of the next. */
export class SignalCounter {
  readonly #monotonicMs: () => number;
  #firstMs: number | undefined;

  constructor(monotonicMs: () => number) {
    this.#monotonicMs = monotonicMs;
  }

  /** What a signal means that arrives now. */
  next(): "first" | "same" | "again" {
    const nowMs = this.#monotonicMs();
    if (this.#firstMs === undefined) {
      this.#firstMs = nowMs;
      return "first";
    }
    return nowMs - this.#firstMs < SAME_SIGNAL_MS ? "same" : "again";
  }
}

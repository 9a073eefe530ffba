/**
 * The time within which a repeated signal counts as the same one. A terminal sends Ctrl-C to every
 * process of the foreground job, and npm also passes it to its child. So one key press causes two
 * signals.
 */
export const SAME_SIGNAL_MS = 500;

/** Tells a repeated signal from a new request to stop. */
export class SignalCounter {
  readonly #monotonicMs: () => number;
  #firstMs: number | undefined;

  constructor(monotonicMs: () => number) {
    this.#monotonicMs = monotonicMs;
  }

  /** The meaning of a signal that arrives now. */
  next(): "first" | "same" | "again" {
    const nowMs = this.#monotonicMs();
    if (this.#firstMs === undefined) {
      this.#firstMs = nowMs;
      return "first";
    }
    return nowMs - this.#firstMs < SAME_SIGNAL_MS ? "same" : "again";
  }
}

import { type Interval, LIST_INTERVAL } from "./quiet.ts";

// When a page asks for news. It rings in an interval while the page is visible and never while it
// is hidden. While nothing happens, the interval is longer. It does not ring before the last
// answer came and 20 × the time of that answer has passed, so a slow list costs a twentieth of a
// reader. After an error it waits longer each time.

const REST_PER_ANSWER = 20;
const BACK_OFF_MS: readonly number[] = [2_000, 4_000, 8_000, 16_000, 30_000];

/** What became of the question that a ring asked. */
export type Ring =
  | { readonly kind: "answered" }
  /** Nothing more is asked until `ring` or `start`. */
  | { readonly kind: "stop" }
  | { readonly kind: "failed"; readonly retrySeconds?: number };

/** The clock, timers, visibility and quiet, which tests replace. */
export interface Surroundings {
  readonly now: () => number;
  readonly after: (ms: number, run: () => void) => () => void;
  readonly isVisible: () => boolean;
  /** Nothing has happened for a while. */
  readonly isQuiet: () => boolean;
}

export class Doorbell {
  readonly #around: Surroundings;
  readonly #ask: (signal: AbortSignal) => Promise<Ring>;
  readonly #interval: Interval;
  readonly #restPerAnswer: number;
  #cancelTimer: (() => void) | undefined;
  #asking: AbortController | undefined;
  #isRunning = false;
  #failures = 0;
  #mayRingAt = 0;
  #quietRingAt = 0;

  constructor(
    around: Surroundings,
    ask: (signal: AbortSignal) => Promise<Ring>,
    interval: Interval = LIST_INTERVAL,
    restPerAnswer = REST_PER_ANSWER,
  ) {
    this.#around = around;
    this.#ask = ask;
    this.#interval = interval;
    this.#restPerAnswer = restPerAnswer;
  }

  /** The moment of the next question, for a countdown. */
  get nextAt(): number {
    return this.#around.isQuiet() ? this.#quietRingAt : this.#mayRingAt;
  }

  get failures(): number {
    return this.#failures;
  }

  /** Asks at once, and from then on in the interval. */
  start(): void {
    this.#isRunning = true;
    this.ring();
  }

  /** Stops asking, and aborts a question that is under way. */
  stop(): void {
    this.#isRunning = false;
    this.#cancelTimer?.();
    this.#asking?.abort();
    this.#asking = undefined;
  }

  /** Rings no more by itself. A question that is under way is still answered. */
  hold(): void {
    this.#isRunning = false;
    this.#cancelTimer?.();
  }

  /** The page became visible or hidden, or the quiet ended. Asks at once if it is time. */
  look(): void {
    if (!this.#isRunning) return;
    if (this.#around.isVisible()) this.#wait();
    else this.#cancelTimer?.();
  }

  /** Asks at once: the reader pressed "Now". Aborts a question that is under way. */
  ring(): void {
    this.#cancelTimer?.();
    this.#asking?.abort();
    void this.#askNow();
  }

  async #askNow(): Promise<void> {
    const asking = new AbortController();
    this.#asking = asking;
    const began = this.#around.now();
    const ring = await this.#ask(asking.signal);
    if (asking.signal.aborted) return;
    this.#asking = undefined;
    const ended = this.#around.now();
    this.#failures = ring.kind === "failed" ? this.#failures + 1 : 0;
    if (ring.kind === "stop") this.#isRunning = false;
    const { quickMs, quietMs } = this.#interval;
    this.#mayRingAt = ended + this.#restAfter(ring, ended - began, quickMs);
    this.#quietRingAt = ended + this.#restAfter(ring, ended - began, quietMs);
    if (this.#isRunning) this.#wait();
  }

  #restAfter(ring: Ring, tookMs: number, intervalMs: number): number {
    if (ring.kind !== "failed") return Math.max(intervalMs, tookMs * this.#restPerAnswer);
    if (ring.retrySeconds !== undefined) return ring.retrySeconds * 1_000;
    return BACK_OFF_MS[Math.min(this.#failures, BACK_OFF_MS.length) - 1] ?? intervalMs;
  }

  #wait(): void {
    this.#cancelTimer?.();
    if (!this.#around.isVisible() || this.#asking !== undefined) return;
    this.#cancelTimer = this.#around.after(Math.max(0, this.nextAt - this.#around.now()), () => {
      if (this.#isRunning && this.#around.isVisible()) void this.#askNow();
    });
  }
}

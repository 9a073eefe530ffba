import type { Clock } from "../../domain/clock.ts";

/**
 * The wall clock is exact to a millisecond, and corrected by fractions of one. A larger drift means
 * that it was set.
 */
const DRIFT_MS_MAX = 50;

/**
 * The difference between the wall clock and the monotonic clock, which times requests. The same
 * difference is used until the wall clock is set. If it were read for each span, a part could lie a
 * millisecond outside its request.
 */
export class AnchoredTime {
  readonly #clock: Clock;
  #wallAheadMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#wallAheadMs = clock.now() - clock.monotonic();
  }

  /** The number that a request adds to all its moments. */
  wallAheadMs(): number {
    const aheadMs = this.#clock.now() - this.#clock.monotonic();
    if (Math.abs(aheadMs - this.#wallAheadMs) > DRIFT_MS_MAX) this.#wallAheadMs = aheadMs;
    return this.#wallAheadMs;
  }
}

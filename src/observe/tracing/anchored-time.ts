import type { Clock } from "../../domain/clock.ts";

/** The wall clock is exact to a millisecond and corrected by parts of one. A larger drift means that it was set. */
const DRIFT_MS_MAX = 50;

/**
 * The difference between the wall clock and the monotonic clock, in which requests are timed. One difference is used
 * until the wall clock is set: read for each span, the wall clock would put a part a millisecond outside its request.
 */
export class AnchoredTime {
  readonly #clock: Clock;
  #wallAheadMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#wallAheadMs = clock.now() - clock.monotonic();
  }

  /** What a request adds to all its moments. */
  wallAheadMs(): number {
    const aheadMs = this.#clock.now() - this.#clock.monotonic();
    if (Math.abs(aheadMs - this.#wallAheadMs) > DRIFT_MS_MAX) this.#wallAheadMs = aheadMs;
    return this.#wallAheadMs;
  }
}

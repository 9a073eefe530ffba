import type { Clock } from "../../domain/clock.ts";

/** Seconds and nanoseconds since 1970. */
export type Instant = [seconds: number, nanoseconds: number];

/** The wall clock is exact to a millisecond and corrected by parts of one; further apart they are because it was set. */
const DRIFT_MS_MAX = 50;

/**
 * Wall time of moments of the monotonic clock. Read for each span apart, the wall clock would put a part outside of its whole, if only by the
 * millisecond it is exact to; so all take one difference of the two clocks, until it is wrong because the wall clock was set.
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

export function instantOf(epochMs: number): Instant {
  const seconds = Math.floor(epochMs / 1_000);
  return [seconds, Math.floor((epochMs - seconds * 1_000) * 1_000_000)];
}

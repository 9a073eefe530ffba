import type { Clock } from "../domain/clock.ts";

/**
 * Knows when this process last wrote to the database. While a write is under way, a read may or may
 * not see it. So no response from before the write may be served then.
 */
export class WriteTracker {
  readonly #clock: Pick<Clock, "monotonic">;
  #underWay = 0;
  #generation = 0;
  #endedMs: number;

  constructor(clock: Pick<Clock, "monotonic">) {
    this.#clock = clock;
    // The process before this one may have written a moment ago.
    this.#endedMs = clock.monotonic();
  }

  /**
   * Runs `work`, which writes. `changed` says whether it changed anything; a failed write may have.
   * The generation grows before the caller gets the result.
   */
  async during<T>(work: () => Promise<T>, changed: (result: T) => boolean): Promise<T> {
    let mayHaveChanged = true;
    this.#underWay++;
    try {
      const result = await work();
      mayHaveChanged = changed(result);
      return result;
    } finally {
      this.#underWay--;
      if (mayHaveChanged) {
        this.#generation++;
        this.#endedMs = this.#clock.monotonic();
      }
    }
  }

  /** Grows with each write. A read of an earlier generation may be incomplete. */
  generation(): number {
    return this.#generation;
  }

  /** Whether a write is under way. */
  underWay(): boolean {
    return this.#underWay > 0;
  }

  /** Milliseconds since the last write ended, or since the start; 0 while one is under way. */
  quietMs(): number {
    return this.#underWay > 0 ? 0 : this.#clock.monotonic() - this.#endedMs;
  }
}

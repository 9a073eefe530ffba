import type { Clock } from "../domain/clock.ts";

/**
 * What this process itself changes in the database, as far as answers that were read before have to know it. While a write is under
 * way, other reads may or may not see it already, so nothing that was read before it may stand beside them.
 */
export class OwnWrites {
  readonly #clock: Pick<Clock, "monotonic">;
  #underWay = 0;
  #generation = 0;
  #endedMs: number;

  constructor(clock: Pick<Clock, "monotonic">) {
    this.#clock = clock;
    // The process that was here before may have written a moment ago.
    this.#endedMs = clock.monotonic();
  }

  /** Does `work`, which writes. `changed` tells whether it really did; when it fails nobody knows. Whoever awaits this is told after answers know it. */
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

  /** Grows with each write. What was read in an earlier generation may lack something. */
  generation(): number {
    return this.#generation;
  }

  /** Whether a write is under way. */
  underWay(): boolean {
    return this.#underWay > 0;
  }

  /** How long ago the last one ended, or this process began; 0 while one is under way. */
  quietMs(): number {
    return this.#underWay > 0 ? 0 : this.#clock.monotonic() - this.#endedMs;
  }
}

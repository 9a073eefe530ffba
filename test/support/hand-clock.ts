import { setImmediate } from "node:timers/promises";
import type { Clock } from "../../src/domain/clock.ts";

interface Sleeper {
  readonly untilMs: number;
  readonly wake: () => void;
}

/** A clock that the test moves. */
export class HandClock implements Clock {
  #elapsedMs = 0;
  #jumpedMs = 0;
  readonly #beginMs: number;
  readonly #sleepers = new Set<Sleeper>();

  constructor(begin = "2025-01-15T10:00:00.000Z") {
    this.#beginMs = Date.parse(begin);
  }

  now(): number {
    return this.#beginMs + this.#elapsedMs + this.#jumpedMs;
  }

  /** Moves the wall clock only. */
  jump(ms: number): void {
    this.#jumpedMs += ms;
  }

  monotonic(): number {
    return this.#elapsedMs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const sleeper = {
        untilMs: this.#elapsedMs + ms,
        wake: () => {
          this.#sleepers.delete(sleeper);
          resolve();
        },
      };
      const abort = () => {
        this.#sleepers.delete(sleeper);
        reject(signal?.reason);
      };
      if (signal?.aborted) return abort();
      signal?.addEventListener("abort", abort, { once: true });
      this.#sleepers.add(sleeper);
    });
  }

  /**
   * Lets time pass: sleeping code wakes in order, and does everything it can before the next wakes.
   */
  async advance(ms: number): Promise<void> {
    const endMs = this.#elapsedMs + ms;
    for (;;) {
      await setImmediate();
      const next = [...this.#sleepers].sort((a, b) => a.untilMs - b.untilMs)[0];
      if (next === undefined || next.untilMs > endMs) break;
      this.#elapsedMs = Math.max(this.#elapsedMs, next.untilMs);
      next.wake();
    }
    this.#elapsedMs = endMs;
    await setImmediate();
  }
}

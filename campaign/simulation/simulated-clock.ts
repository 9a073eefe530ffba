import type { Clock } from "../../src/domain/clock.ts";

const BEGIN_MS = Date.parse("2025-01-15T10:00:00.000Z");

interface Sleeper {
  readonly untilMs: number;
  readonly wake: () => void;
}

/** Time that a scheduler moves. The wall clock may jump, the monotonic clock never does. */
export class SimulatedClock implements Clock {
  #elapsedMs = 0;
  #jumpedMs = 0;
  /** In the order of their ends; of equal ends, in the order of their calls. */
  readonly #sleepers: Sleeper[] = [];

  now(): number {
    return Math.floor(BEGIN_MS + this.#elapsedMs + this.#jumpedMs);
  }

  monotonic(): number {
    return this.#elapsedMs;
  }

  /** Whether anything waits for time to pass. */
  get isAwaited(): boolean {
    return this.#sleepers.length > 0;
  }

  /** Moves the wall clock only. */
  jump(ms: number): void {
    this.#jumpedMs += ms;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const abort = () => {
        this.#remove(sleeper);
        reject(signal?.reason);
      };
      const wake = () => {
        signal?.removeEventListener("abort", abort);
        resolve();
      };
      const sleeper = { untilMs: this.#elapsedMs + Math.max(0, ms), wake };
      if (signal?.aborted) return abort();
      signal?.addEventListener("abort", abort, { once: true });
      const at = this.#sleepers.findLastIndex(({ untilMs }) => untilMs <= sleeper.untilMs);
      this.#sleepers.splice(at + 1, 0, sleeper);
    });
  }

  /** Lets time pass. Sleeping code wakes in order, and does all it can before the next wakes. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#elapsedMs + ms;
    for (let next = this.#sleepers[0]; next !== undefined && next.untilMs <= endMs; ) {
      this.#elapsedMs = next.untilMs;
      this.#sleepers.shift();
      next.wake();
      await settled();
      next = this.#sleepers[0];
    }
    this.#elapsedMs = endMs;
  }

  /** Lets time pass until the next sleeping code has woken, at most `msMax`. */
  async advanceToNext(msMax: number): Promise<void> {
    const [next] = this.#sleepers;
    const waitMs = next === undefined ? msMax : next.untilMs - this.#elapsedMs;
    await this.advance(Math.min(msMax, waitMs));
  }

  #remove(sleeper: Sleeper): void {
    const at = this.#sleepers.indexOf(sleeper);
    if (at !== -1) this.#sleepers.splice(at, 1);
  }
}

/** The wall clock of a machine that differs from the true time by `skewMs()`. */
export function skewed(clock: Clock, skewMs: () => number): Clock {
  return {
    now: () => clock.now() + skewMs(),
    monotonic: () => clock.monotonic(),
    sleep: (ms, signal) => clock.sleep(ms, signal),
  };
}

/** Resolves when all code has done what it can without an answer or more time. */
export function settled(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

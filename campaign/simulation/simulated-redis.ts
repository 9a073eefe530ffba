import type { LimiterRedis } from "../../src/ratelimit/rate-limiter.ts";
import type { SimulatedClock } from "./simulated-clock.ts";

/** As `src/redis/redis.ts`: the deadline of a call, and the failures after which it gives up. */
export const CALL_MS_MAX = 50;
const FAILURES_IN_A_ROW_MAX = 3;
const SLACK_MS = 1e-4;

/** What a Redis keeps, with a clock of its own. */
export class SimulatedRedis {
  readonly #clock: SimulatedClock;
  readonly #fullAtMs = new Map<string, number>();
  #offsetMs = 12_345;

  constructor(clock: SimulatedClock) {
    this.#clock = clock;
  }

  /** As after FLUSHALL, or a restart without persistence. */
  forget(): void {
    this.#fullAtMs.clear();
  }

  jump(ms: number): void {
    this.#offsetMs += ms;
  }

  /** The same as the script in Lua. */
  take(key: string, tokenMs: number, capacityMs: number): readonly [number, string] {
    const now = this.#clock.monotonic() + this.#offsetMs;
    const full = this.#fullAtMs.get(key) ?? now;
    let missing = Math.min(Math.max(0, full - now), capacityMs);
    const allowed = missing + tokenMs <= capacityMs + SLACK_MS;
    if (allowed) {
      missing += tokenMs;
      this.#fullAtMs.set(key, now + missing);
    }
    return [allowed ? 1 : 0, missing.toFixed(6)];
  }
}

interface Call {
  readonly deadlineMs: number;
  readonly execute: () => unknown;
  hasRun: boolean;
  reply: unknown;
  /** Undefined once it was answered. */
  resolve: ((reply: unknown) => void) | undefined;
}

/** The connection of one process: commands are executed in order, and their replies are late. */
export class SimulatedLink implements LimiterRedis {
  readonly #clock: SimulatedClock;
  readonly #redis: SimulatedRedis;
  #calls: Call[] = [];
  #up = true;
  #failuresInARow = 0;
  failures = 0;

  constructor(clock: SimulatedClock, redis: SimulatedRedis) {
    this.#clock = clock;
    this.#redis = redis;
  }

  up(): boolean {
    return this.#up;
  }

  get isBusy(): boolean {
    return this.#calls.length > 0;
  }

  evaluate(_script: string, keys: readonly string[], args: readonly string[]): Promise<unknown> {
    return new Promise((resolve) => {
      const execute = () => this.#redis.take(String(keys[0]), Number(args[0]), Number(args[1]));
      const deadlineMs = this.#clock.monotonic() + CALL_MS_MAX;
      this.#calls.push({ deadlineMs, execute, hasRun: false, reply: undefined, resolve });
    });
  }

  /** Redis executes the next command, even if its caller no longer waits. */
  execute(): void {
    const next = this.#calls.find(({ hasRun }) => !hasRun);
    if (next === undefined) return;
    next.reply = next.execute();
    next.hasRun = true;
  }

  /** The oldest reply arrives, or an error in its place. */
  reply(fails: boolean): void {
    const [call] = this.#calls;
    if (call === undefined || !call.hasRun) return;
    this.#calls.shift();
    if (fails && call.resolve !== undefined) this.#fail(call);
    if (call.resolve === undefined) return;
    this.#failuresInARow = 0;
    call.resolve(call.reply);
  }

  /** Fails the calls whose deadline has passed. */
  passTime(): void {
    for (const call of this.#calls)
      if (call.resolve !== undefined && call.deadlineMs <= this.#clock.monotonic())
        this.#fail(call);
  }

  lose(): void {
    this.#up = false;
    const lost = this.#calls;
    this.#calls = [];
    for (const call of lost) if (call.resolve !== undefined) this.#fail(call);
  }

  reconnect(): void {
    this.#up = true;
    this.#failuresInARow = 0;
  }

  #fail(call: Call): void {
    this.failures++;
    call.resolve?.(undefined);
    call.resolve = undefined;
    this.#failuresInARow++;
    if (this.#up && this.#failuresInARow >= FAILURES_IN_A_ROW_MAX) this.lose();
  }
}

import type { Rate } from "../../src/domain/rate.ts";
import {
  LocalRateLimiter,
  type RateLimitDecision,
  type RateLimiter,
  RedisRateLimiter,
} from "../../src/ratelimit/rate-limiter.ts";
import type { Random } from "../support/random.ts";
import { type History, Promises } from "./history.ts";
import { SimulatedClock, settled } from "./simulated-clock.ts";
import { CALL_MS_MAX, SimulatedLink, SimulatedRedis } from "./simulated-redis.ts";

const STEPS_MAX = 60;
const KEYS = ["a", "b"];
const SLACK_MS = 0.01;

/** A token bucket as milliseconds until it is full. It may fall below empty. */
class Bucket {
  readonly tokenMs: number;
  readonly capacityMs: number;
  #missingMs = 0;
  #atMs = 0;

  constructor({ count, perMs, burst }: Rate) {
    this.tokenMs = perMs / count;
    this.capacityMs = burst * this.tokenMs;
  }

  missingMs(nowMs: number): number {
    return Math.max(0, this.#missingMs - (nowMs - this.#atMs));
  }

  take(nowMs: number): void {
    this.#missingMs = this.missingMs(nowMs) + this.tokenMs;
    this.#atMs = nowMs;
  }
}

/** One process with its limiter, and what it admitted of each key. */
interface Process {
  readonly limiter: RateLimiter;
  readonly link: SimulatedLink;
  readonly admitted: ReadonlyMap<string, Bucket>;
  /** Calls under way of each key, and the most of them so far. */
  readonly calls: Map<string, number>;
  callsMax: number;
}

type Kind = "local" | "shared" | "unreliable";

/** Processes that limit the same keys, alone or together in a Redis. */
class Limiting {
  readonly promises = new Promises();
  readonly #random: Random;
  readonly #clock = new SimulatedClock();
  readonly #redis = new SimulatedRedis(this.#clock);
  readonly #kind: Kind;
  /** Whether calls are answered at once. */
  readonly #isQuick: boolean;
  readonly #rate: Rate;
  readonly #processes: readonly Process[];
  /** What all processes admitted. */
  readonly #together: ReadonlyMap<string, Bucket>;
  readonly #lastMs = new Map<string, number>();
  /** Whether the clock of Redis ever jumped. */
  #hasJumped = false;
  /** The newest take of each key. */
  readonly #newest = new Map<string, number>();
  #takes = 0;

  constructor(random: Random) {
    this.#random = random;
    this.#kind = random.of<Kind>(["local", "shared", "unreliable", "unreliable"]);
    this.#isQuick = random.chance(0.5);
    this.#rate = {
      count: random.between(1, 100),
      perMs: random.of([100, 1_000, 10_000]),
      burst: random.between(1, 8),
    };
    this.#together = this.#buckets();
    this.#processes = [this.#process(), this.#process()].slice(0, this.#kind === "local" ? 1 : 2);
  }

  async run(): Promise<History> {
    const steps = this.#random.between(10, STEPS_MAX);
    for (let step = 0; step < steps; step++) {
      await this.#step();
      if (this.#kind !== "local") await settled();
    }
    return { counts: { events: steps, takes: this.#takes }, broken: this.promises.broken };
  }

  #buckets(): ReadonlyMap<string, Bucket> {
    return new Map(KEYS.map((key) => [key, new Bucket(this.#rate)]));
  }

  #process(): Process {
    const [clock, rate] = [this.#clock, this.#rate];
    const link = new SimulatedLink(clock, this.#redis);
    const limiter =
      this.#kind === "local"
        ? new LocalRateLimiter(rate, clock)
        : new RedisRateLimiter({ name: "ip", rate, clock, redis: link, keySecret: "secret" });
    return { limiter, link, admitted: this.#buckets(), calls: new Map(), callsMax: 0 };
  }

  async #step(): Promise<void> {
    const process = this.#random.of(this.#processes);
    const { link } = process;
    const chance = this.#random.next();
    if (chance < 0.4) return this.#take(process, this.#random.of(KEYS));
    if (chance < 0.6) return link.execute();
    if (chance < 0.75) return link.reply(this.#kind === "unreliable" && this.#random.chance(0.2));
    if (this.#kind === "unreliable" && chance < 0.8) return this.#fault(link);
    await this.#passTime();
  }

  #fails(): boolean {
    return this.#kind === "unreliable" && this.#random.chance(0.3);
  }

  #fault(link: SimulatedLink): void {
    const chance = this.#random.next();
    if (!link.up()) link.reconnect();
    else if (chance < 0.3) this.#redis.forget();
    else if (chance < 0.5) this.#jump(this.#random.of([3_600_000, -3_600_000]));
    else link.lose();
  }

  #jump(ms: number): void {
    this.#redis.jump(ms);
    this.#hasJumped = true;
  }

  /** Replies of a reliable Redis come in time. */
  async #passTime(): Promise<void> {
    const tokenMs = this.#rate.perMs / this.#rate.count;
    const spanMs = this.#random.of([1, 20, tokenMs, tokenMs * this.#rate.burst * 2, tokenMs / 3]);
    if (this.#kind === "shared") {
      for (const { link } of this.#processes) {
        for (let call = 0; link.isBusy && call < STEPS_MAX; call++) {
          link.execute();
          link.reply(false);
        }
      }
      await settled();
    }
    await this.#clock.advance(spanMs);
    for (const { link } of this.#processes) link.passTime();
  }

  async #take(process: Process, key: string): Promise<void> {
    const take = ++this.#takes;
    this.#newest.set(key, take);
    const nowMs = this.#clock.monotonic();
    const isQuiet = this.#isQuiet(key, nowMs);
    const decision = process.limiter.take(key);
    this.#lastMs.set(key, nowMs);
    if (!(decision instanceof Promise)) return this.#decided(process, key, decision, isQuiet);
    const calls = (process.calls.get(key) ?? 0) + 1;
    process.calls.set(key, calls);
    process.callsMax = Math.max(process.callsMax, calls);
    // Then no calls are ever under way at the same time.
    if (this.#isQuick) {
      process.link.execute();
      process.link.reply(this.#fails());
    }
    void decision.then((late) => {
      process.calls.set(key, (process.calls.get(key) ?? 0) - 1);
      this.#lastMs.set(key, this.#clock.monotonic());
      this.#decided(process, key, late, isQuiet && this.#newest.get(key) === take);
    });
  }

  /** Whether every bucket of the key must be full, because it was not used for long enough. */
  #isQuiet(key: string, nowMs: number): boolean {
    const spanMs = this.#rate.burst * (this.#rate.perMs / this.#rate.count);
    const isUnderWay = this.#processes.some(({ calls }) => (calls.get(key) ?? 0) > 0);
    const lastMs = this.#lastMs.get(key) ?? Number.NEGATIVE_INFINITY;
    // After a jump back, a bucket is empty instead of full.
    return !this.#hasJumped && !isUnderWay && nowMs - lastMs > 4 * spanMs + CALL_MS_MAX;
  }

  #decided(process: Process, key: string, decision: RateLimitDecision, isQuiet: boolean): void {
    const { allowed, remaining, nextMs, rate } = decision;
    const nowMs = this.#clock.monotonic();
    const [own, all] = [process.admitted.get(key), this.#together.get(key)];
    if (own === undefined || all === undefined) return;
    const isInRange = remaining >= 0 && remaining <= rate.burst && nextMs >= 0;
    this.promises.expect(isInRange && (allowed || remaining === 0), "a decision is impossible");
    // Redis may also have jumped back while the call was under way.
    const isFull = isQuiet && !this.#hasJumped;
    this.promises.expect(allowed || !isFull, "a key that was unused for long is refused");
    if (!allowed) {
      this.#refused(own, all, key);
      return;
    }
    own.take(nowMs);
    all.take(nowMs);
    // Calls that were under way at the same time may each have found the same last token.
    const underWayMs = Math.max(0, process.callsMax - 1) * own.tokenMs;
    this.promises.expect(
      own.missingMs(nowMs) <= own.capacityMs + underWayMs + SLACK_MS,
      "one process admits more than the burst and the rate",
    );
    // Between the decision of Redis and its arrival, some time passes.
    this.promises.expect(
      this.#kind === "unreliable" || all.missingMs(nowMs) <= all.capacityMs + CALL_MS_MAX,
      "processes together admit more than the burst and the rate",
    );
  }

  /** Refusing is right if the bucket has no token, or had none before the last reply. */
  #refused(own: Bucket, all: Bucket, key: string): void {
    if (this.#kind === "unreliable") return;
    const nowMs = this.#clock.monotonic();
    if (this.#kind === "local") {
      const missingMs = own.missingMs(nowMs) + own.tokenMs;
      const isRight = missingMs > own.capacityMs - SLACK_MS;
      this.promises.expect(isRight, "a request below the limit is refused");
      return;
    }
    // Calls under way may have tokens that are not counted here yet.
    const underWay = this.#processes.reduce((sum, { calls }) => sum + (calls.get(key) ?? 0), 1);
    const missingMs = all.missingMs(nowMs) + all.tokenMs * underWay + CALL_MS_MAX;
    this.promises.expect(missingMs > all.capacityMs, "a request below the limit is refused");
  }
}

export async function rateLimit(random: Random): Promise<History> {
  return new Limiting(random).run();
}

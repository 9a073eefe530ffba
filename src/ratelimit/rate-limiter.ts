import { hash } from "node:crypto";
import type { Clock } from "../domain/clock.ts";
import type { Rate } from "../domain/rate.ts";
import type { Runtime } from "../runtime.ts";

// Token buckets, stored as one number each (GCRA): the milliseconds until the bucket is full again.
// A token is worth the milliseconds in which one is added. A bucket is empty when taking another
// token would exceed its capacity.

/** Keys of one limiter in memory, some 100 bytes each. */
const KEYS_MAX = 100_000;
/** For each new key, this many old keys are checked, and those with full buckets are dropped. */
const CHECKS_PER_NEW_KEY = 4;
const CHECKS_WHEN_FULL = 16;
/** The rounding error of sums of fractions. */
const SLACK_MS = 1e-4;
const HASH_CHARACTERS = 22;

/** The answer to a request for one token. */
export interface RateLimitDecision {
  /** The limit that was applied. */
  readonly rate: Rate;
  /** Whether there was a token. If so, it is spent. */
  readonly allowed: boolean;
  /** Tokens that are left. */
  readonly remaining: number;
  /** Milliseconds until the next token. */
  readonly nextMs: number;
}

export interface RateLimiter {
  /**
   * Takes a token of this key, if there is one. Returns a promise only when Redis is asked; it
   * never rejects.
   */
  take(key: string): RateLimitDecision | Promise<RateLimitDecision>;
}

/** Buckets in the memory of this process. */
export class LocalRateLimiter implements RateLimiter {
  readonly #rate: Rate;
  readonly #clock: Pick<Clock, "monotonic">;
  /** When the bucket of a key is full again. A key that is missing here has a full bucket. */
  readonly #fullAtMs = new Map<string, number>();
  /** Iterates over the keys, round and round. */
  #iterator = this.#fullAtMs.entries();

  constructor(rate: Rate, clock: Pick<Clock, "monotonic">) {
    this.#rate = rate;
    this.#clock = clock;
  }

  /** Number of keys in memory. */
  get size(): number {
    return this.#fullAtMs.size;
  }

  take(key: string): RateLimitDecision {
    const nowMs = this.#clock.monotonic();
    const missingMs = this.#missingMs(key, nowMs);
    const allowed = holds(this.#rate, missingMs);
    const afterMs = allowed ? missingMs + tokenMs(this.#rate) : missingMs;
    if (allowed) this.#remember(key, nowMs + afterMs, nowMs);
    return decision(this.#rate, allowed, afterMs);
  }

  /** Whether this key has no token now. */
  isEmpty(key: string): boolean {
    return !holds(this.#rate, this.#missingMs(key, this.#clock.monotonic()));
  }

  /**
   * Takes over a decision of Redis, whose bucket needs `missingMs` until it is full. Redis does not
   * know the tokens that were spent here while it failed. So the emptier of both buckets counts.
   */
  adopt(key: string, allowed: boolean, missingMs: number): void {
    const nowMs = this.#clock.monotonic();
    const ownMs = this.#missingMs(key, nowMs) + (allowed ? tokenMs(this.#rate) : 0);
    this.#remember(key, nowMs + Math.max(ownMs, missingMs), nowMs);
  }

  #missingMs(key: string, nowMs: number): number {
    const fullAtMs = this.#fullAtMs.get(key);
    return fullAtMs === undefined ? 0 : Math.max(0, fullAtMs - nowMs);
  }

  #remember(key: string, fullAtMs: number, nowMs: number): void {
    if (!this.#fullAtMs.has(key)) this.#makeRoom(nowMs);
    this.#fullAtMs.set(key, fullAtMs);
  }

  /**
   * Checks the next few keys and drops those with full buckets. If there is still no room, it drops
   * the checked key whose bucket is the fullest.
   */
  #makeRoom(nowMs: number): void {
    const checks = this.#fullAtMs.size < KEYS_MAX ? CHECKS_PER_NEW_KEY : CHECKS_WHEN_FULL;
    let fullest: readonly [string, number] | undefined;
    for (let check = 0; check < checks; check++) {
      const entry = this.#nextEntry();
      if (entry === undefined) return;
      if (entry[1] <= nowMs) this.#fullAtMs.delete(entry[0]);
      else if (fullest === undefined || entry[1] < fullest[1]) fullest = entry;
    }
    if (this.#fullAtMs.size >= KEYS_MAX && fullest !== undefined) this.#fullAtMs.delete(fullest[0]);
  }

  #nextEntry(): readonly [string, number] | undefined {
    const next = this.#iterator.next();
    if (next.done !== true) return next.value;
    this.#iterator = this.#fullAtMs.entries();
    return this.#iterator.next().value;
  }
}

/**
 * Takes one token atomically. The time is Redis's, so the clocks of the replicas need not agree.
 */
const TAKE = `
local token, capacity = tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local full = tonumber(redis.call('GET', KEYS[1]) or '') or now
-- Never more than an empty bucket, also when the clock was set back.
local missing = math.min(math.max(0, full - now), capacity)
local allowed = missing + token <= capacity + ${SLACK_MS}
if allowed then
  missing = missing + token
  redis.call('SET', KEYS[1], string.format('%.6f', now + missing), 'PX', math.ceil(missing))
end
return {allowed and 1 or 0, string.format('%.6f', missing)}
`;

/** The connection to Redis, as far as limiters use it. */
export interface LimiterRedis {
  /** Whether Redis is available. */
  up(): boolean;
  /** Runs a Lua script. Resolves soon, and with undefined when Redis is unavailable. */
  evaluate(script: string, keys: readonly string[], args: readonly string[]): Promise<unknown>;
}

export interface RedisRateLimiterOptions extends Pick<Runtime, "clock"> {
  /** Separates its keys from those of other limiters. */
  readonly name: string;
  readonly rate: Rate;
  readonly redis: LimiterRedis;
  /**
   * Hashed with each key. Without it, all phone numbers and addresses could be tried against a
   * hash.
   */
  readonly keySecret: string;
}

/**
 * Buckets in Redis, which all replicas share. While Redis is unavailable each replica uses local
 * buckets, which continue from the last values of Redis.
 */
export class RedisRateLimiter implements RateLimiter {
  readonly #options: RedisRateLimiterOptions;
  readonly #local: LocalRateLimiter;
  readonly #args: readonly string[];

  constructor(options: RedisRateLimiterOptions) {
    const { rate, clock } = options;
    this.#options = options;
    this.#local = new LocalRateLimiter(rate, clock);
    this.#args = [String(tokenMs(rate)), String(capacityMs(rate))];
  }

  take(key: string): RateLimitDecision | Promise<RateLimitDecision> {
    // A bucket that is empty here is empty in Redis too, so a client past its limit causes no call.
    if (!this.#options.redis.up() || this.#local.isEmpty(key)) return this.#local.take(key);
    return this.#takeShared(key);
  }

  async #takeShared(key: string): Promise<RateLimitDecision> {
    const { name, rate, redis, keySecret } = this.#options;
    const hashed = hash("sha256", `${keySecret}\0${name}\0${key}`, "base64url").slice(
      0,
      HASH_CHARACTERS,
    );
    const reply = await redis.evaluate(TAKE, [`limit:${name}:${hashed}`], this.#args);
    if (!Array.isArray(reply)) return this.#local.take(key);
    const [allowed, missingMs] = [reply[0] === 1, Number(reply[1])];
    this.#local.adopt(key, allowed, missingMs);
    return decision(rate, allowed, missingMs);
  }
}

function tokenMs({ count, perMs }: Rate): number {
  return perMs / count;
}

function capacityMs(rate: Rate): number {
  return rate.burst * tokenMs(rate);
}

/** Whether a bucket has a token. `missingMs` is the time until it is full. */
function holds(rate: Rate, missingMs: number): boolean {
  return missingMs + tokenMs(rate) <= capacityMs(rate) + SLACK_MS;
}

function decision(rate: Rate, allowed: boolean, missingMs: number): RateLimitDecision {
  const leftMs = capacityMs(rate) - missingMs;
  const remaining = Math.max(0, Math.floor((leftMs + SLACK_MS) / tokenMs(rate)));
  return {
    rate,
    allowed,
    remaining,
    nextMs: Math.max(0, (remaining + 1) * tokenMs(rate) - leftMs),
  };
}

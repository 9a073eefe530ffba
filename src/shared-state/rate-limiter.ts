import { hash } from "node:crypto";
import type { Clock } from "../domain/clock.ts";
import type { Rate } from "../domain/rate.ts";
import { redisScript, type SharedState } from "./redis.ts";

// Token buckets, kept as one number each (GCRA): how many milliseconds are missing until the bucket is full again. A token is
// worth the milliseconds in which one comes back; a bucket is empty when another token would make it miss more than it holds.

/** Keys of one limiter in memory, some 100 bytes each. */
const KEYS_MAX = 100_000;
/** A new key pays for looking at so many old ones, which is how those that are full again are found. */
const LOOKS_PER_NEW_KEY = 4;
const LOOKS_WITHOUT_ROOM = 16;
/** What sums of fractions may be wrong by. */
const SLACK_MS = 1e-4;
const HASH_CHARACTERS = 22;

/** What a limiter says of one token that was asked for. */
export interface Verdict {
  /** What it was judged by. */
  readonly rate: Rate;
  /** Whether it was there, and is spent. */
  readonly allowed: boolean;
  /** Tokens that are left. */
  readonly remaining: number;
  /** Milliseconds until there is one more. */
  readonly nextMs: number;
}

export interface RateLimiter {
  /** Spends a token of this key, if there is one. A promise only when somebody else is asked, and one that never rejects. */
  take(key: string): Verdict | Promise<Verdict>;
}

/** Buckets in the memory of this process. */
export class LocalRateLimiter implements RateLimiter {
  readonly #rate: Rate;
  readonly #clock: Pick<Clock, "monotonic">;
  /** When the bucket of a key is full again. One that is not in here is full. */
  readonly #fullAtMs = new Map<string, number>();
  /** Goes round and round through the keys. */
  #hand = this.#fullAtMs.entries();

  constructor(rate: Rate, clock: Pick<Clock, "monotonic">) {
    this.#rate = rate;
    this.#clock = clock;
  }

  /** Keys that are in memory. */
  get size(): number {
    return this.#fullAtMs.size;
  }

  take(key: string): Verdict {
    const nowMs = this.#clock.monotonic();
    const missingMs = this.#missingMs(key, nowMs);
    const allowed = holds(this.#rate, missingMs);
    const afterMs = allowed ? missingMs + tokenMs(this.#rate) : missingMs;
    if (allowed) this.#remember(key, nowMs + afterMs, nowMs);
    return verdict(this.#rate, allowed, afterMs);
  }

  /** Whether there is no token for this key now. */
  isEmpty(key: string): boolean {
    return !holds(this.#rate, this.#missingMs(key, this.#clock.monotonic()));
  }

  /** From now on the bucket of this key is known to be so far from being full. */
  missing(key: string, ms: number): void {
    const nowMs = this.#clock.monotonic();
    this.#remember(key, nowMs + ms, nowMs);
  }

  #missingMs(key: string, nowMs: number): number {
    const fullAtMs = this.#fullAtMs.get(key);
    return fullAtMs === undefined ? 0 : Math.max(0, fullAtMs - nowMs);
  }

  #remember(key: string, fullAtMs: number, nowMs: number): void {
    if (!this.#fullAtMs.has(key)) this.#makeRoom(nowMs);
    this.#fullAtMs.set(key, fullAtMs);
  }

  /** Forgets the keys that are full again among the next few; without room also the one of them that misses least. */
  #makeRoom(nowMs: number): void {
    const looks = this.#fullAtMs.size < KEYS_MAX ? LOOKS_PER_NEW_KEY : LOOKS_WITHOUT_ROOM;
    let fullest: readonly [string, number] | undefined;
    for (let look = 0; look < looks; look++) {
      const entry = this.#nextEntry();
      if (entry === undefined) return;
      if (entry[1] <= nowMs) this.#fullAtMs.delete(entry[0]);
      else if (fullest === undefined || entry[1] < fullest[1]) fullest = entry;
    }
    if (this.#fullAtMs.size >= KEYS_MAX && fullest !== undefined) this.#fullAtMs.delete(fullest[0]);
  }

  #nextEntry(): readonly [string, number] | undefined {
    const next = this.#hand.next();
    if (next.done !== true) return next.value;
    this.#hand = this.#fullAtMs.entries();
    return this.#hand.next().value;
  }
}

/** Takes one token; Redis runs it as one step. Times are its own, so that replicas need not agree about them. */
const TAKE = redisScript(`
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
`);

export interface SharedRateLimiterOptions {
  /** What tells its keys from those of other limiters. */
  readonly name: string;
  readonly rate: Rate;
  readonly clock: Pick<Clock, "monotonic">;
  readonly shared: SharedState;
  /** Without it, whoever reads Redis cannot find out by trying which phone number or address a key belongs to. */
  readonly keySecret: string;
}

/** Buckets in Redis, which all replicas take from. While it is not to be had, each has its own, which go on where those in Redis were. */
export class SharedRateLimiter implements RateLimiter {
  readonly #options: SharedRateLimiterOptions;
  readonly #local: LocalRateLimiter;
  readonly #args: readonly string[];

  constructor(options: SharedRateLimiterOptions) {
    const { rate, clock } = options;
    this.#options = options;
    this.#local = new LocalRateLimiter(rate, clock);
    this.#args = [String(tokenMs(rate)), String(capacityMs(rate))];
  }

  take(key: string): Verdict | Promise<Verdict> {
    // What was empty a moment ago is empty in Redis too: whoever is past the limit costs it nothing.
    if (!this.#options.shared.up() || this.#local.isEmpty(key)) return this.#local.take(key);
    return this.#takeShared(key);
  }

  async #takeShared(key: string): Promise<Verdict> {
    const { name, rate, shared, keySecret } = this.#options;
    const hashed = hash("sha256", `${keySecret}\0${name}\0${key}`, "base64url").slice(0, HASH_CHARACTERS);
    const reply = await shared.evaluate(TAKE, [`limit:${name}:${hashed}`], this.#args);
    if (!Array.isArray(reply)) return this.#local.take(key);
    const missingMs = Number(reply[1]);
    this.#local.missing(key, missingMs);
    return verdict(rate, reply[0] === 1, missingMs);
  }
}

function tokenMs({ count, perMs }: Rate): number {
  return perMs / count;
}

function capacityMs(rate: Rate): number {
  return rate.burst * tokenMs(rate);
}

/** Whether a bucket that misses so much has a token. */
function holds(rate: Rate, missingMs: number): boolean {
  return missingMs + tokenMs(rate) <= capacityMs(rate) + SLACK_MS;
}

function verdict(rate: Rate, allowed: boolean, missingMs: number): Verdict {
  const leftMs = capacityMs(rate) - missingMs;
  const remaining = Math.max(0, Math.floor((leftMs + SLACK_MS) / tokenMs(rate)));
  return { rate, allowed, remaining, nextMs: Math.max(0, (remaining + 1) * tokenMs(rate) - leftMs) };
}

import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { array, assert, constantFrom, integer, property, record } from "fast-check";
import type { Rate } from "../../src/domain/rate.ts";
import { LocalRateLimiter, RedisRateLimiter } from "../../src/ratelimit/rate-limiter.ts";
import { propertyRuns } from "../support/property-runs.ts";

const KEYS_MAX = 100_000;
/** A million. The quick tests use enough to fill the limiter twice. */
const FORGED_KEYS = Math.max(2 * KEYS_MAX, propertyRuns(1_000_000));

/** A limiter whose time only the test moves. */
function limiterOf(rate: Rate): { limiter: LocalRateLimiter; pass: (ms: number) => void } {
  let nowMs = 1_000_000_000;
  return {
    limiter: new LocalRateLimiter(rate, { monotonic: () => nowMs }),
    pass: (ms) => (nowMs += ms),
  };
}

/**
 * A token bucket in its plain form, in whole numbers: `count` parts are added per millisecond, a
 * token has `perMs` of them.
 */
class PlainBucket {
  readonly #rate: Rate;
  #parts: number;

  constructor(rate: Rate) {
    this.#rate = rate;
    this.#parts = rate.burst * rate.perMs;
  }

  pass(ms: number): void {
    this.#parts = Math.min(
      this.#rate.burst * this.#rate.perMs,
      this.#parts + ms * this.#rate.count,
    );
  }

  take(): { allowed: boolean; remaining: number; nextMs: number } {
    const { count, perMs } = this.#rate;
    const allowed = this.#parts >= perMs;
    if (allowed) this.#parts -= perMs;
    const remaining = Math.floor(this.#parts / perMs);
    return { allowed, remaining, nextMs: ((remaining + 1) * perMs - this.#parts) / count };
  }
}

test("for any sequence of requests the limiter agrees with a plain token bucket", () => {
  const rates = record({
    count: integer({ min: 1, max: 1_000 }),
    perMs: integer({ min: 10, max: 100_000 }),
    burst: integer({ min: 1, max: 50 }),
  });
  const events = array(
    record({ key: constantFrom("a", "b", "c"), afterMs: integer({ min: 0, max: 3_000 }) }),
    {
      maxLength: 100,
      size: "max",
    },
  );
  assert(
    property(rates, events, (rate, requests) => {
      const { limiter, pass } = limiterOf(rate);
      const plain = new Map(["a", "b", "c"].map((key) => [key, new PlainBucket(rate)]));
      for (const { key, afterMs } of requests) {
        pass(afterMs);
        for (const bucket of plain.values()) bucket.pass(afterMs);
        const said = limiter.take(key);
        const { allowed, remaining, nextMs } = plain.get(key)?.take() ?? {
          allowed: false,
          remaining: 0,
          nextMs: 0,
        };
        deepEqual({ allowed: said.allowed, remaining: said.remaining }, { allowed, remaining });
        ok(Math.abs(said.nextMs - nextMs) < 0.001, `${said.nextMs} is not ${nextMs}`);
      }
    }),
    { numRuns: propertyRuns(500) },
  );
});

test("a burst passes as a whole, then tokens are added one by one, and never more than the bucket holds", () => {
  const { limiter, pass } = limiterOf({ count: 100, perMs: 60_000, burst: 20 });
  const taken = (times: number) =>
    Array.from({ length: times }, () => limiter.take("a").allowed).filter(Boolean).length;
  equal(taken(50), 20);
  deepEqual([limiter.take("a").remaining, limiter.take("a").nextMs], [0, 600]);
  pass(599);
  equal(taken(5), 0);
  pass(1);
  equal(taken(5), 1);
  pass(3_600_000);
  equal(taken(50), 20);
});

test("waiting for the reported time is enough", () => {
  for (const rate of [
    { count: 3, perMs: 1_000, burst: 7 },
    { count: 7, perMs: 86_400_000, burst: 1 },
    { count: 1_000_000, perMs: 1_000, burst: 3 },
  ]) {
    const { limiter, pass } = limiterOf(rate);
    for (let n = 0; n < 1_000; n++) {
      const { allowed, nextMs } = limiter.take("a");
      if (allowed) continue;
      pass(nextMs);
      equal(limiter.take("a").allowed, true, `${n}th of ${rate.count}/${rate.perMs}`);
    }
  }
});

test("a refused request costs nothing: a client that keeps trying gets as much as one that waits", () => {
  const { limiter, pass } = limiterOf({ count: 10, perMs: 1_000, burst: 10 });
  let allowed = 0;
  for (let ms = 0; ms < 10_000; ms++) {
    if (limiter.take("a").allowed) allowed++;
    pass(1);
  }
  // The burst, and the tokens added in 9.999 seconds.
  equal(allowed, 10 + 99);
});

test("memory is flat under a million forged keys, which do not reset the limit of a real one", () => {
  const { limiter, pass } = limiterOf({ count: 100, perMs: 60_000, burst: 100 });
  // Far beyond its limit: before, during and after the flood.
  for (let n = 0; n < 200; n++) limiter.take("greedy");
  equal(limiter.take("greedy").allowed, false);
  let largest = 0;
  for (let n = 0; n < FORGED_KEYS; n++) {
    limiter.take(`spoofed-${n}`);
    largest = Math.max(largest, limiter.size);
    if (n % 1_000 === 0) pass(0.01);
  }
  equal(largest, KEYS_MAX);
  equal(limiter.take("greedy").allowed, false);
});

test("keys with full buckets are dropped while new ones come", () => {
  const { limiter, pass } = limiterOf({ count: 10, perMs: 1_000, burst: 10 });
  for (let n = 0; n < 50_000; n++) {
    limiter.take(`key-${n}`);
    pass(1);
  }
  // A token is added in 100 ms, so about 100 buckets are not full at any moment.
  ok(limiter.size < 500, `${limiter.size} keys`);
});

test("without room the keys with full buckets go first", () => {
  const { limiter, pass } = limiterOf({ count: 1, perMs: 1_000, burst: 100 });
  for (let n = 0; n < 100; n++) limiter.take("deep");
  for (let n = 0; n < KEYS_MAX / 2; n++) limiter.take(`early-${n}`);
  pass(2_000);
  const lateKeys = KEYS_MAX - 1;
  for (let n = 0; n < lateKeys; n++) limiter.take(`late-${n}`);
  // The late keys did not replace each other; the early ones, whose buckets are full, were dropped.
  const kept = Array.from(
    { length: lateKeys },
    (_, n) => limiter.take(`late-${n}`).remaining === 98,
  );
  equal(kept.filter((known) => !known).length, 0);
  deepEqual(limiter.take("deep").remaining, 1);
});

test("when every bucket is in use, a new key replaces one of the fullest, and spent ones stay", () => {
  const { limiter } = limiterOf({ count: 1, perMs: 3_600_000, burst: 2 });
  const spent: string[] = [];
  const spend = (key: string) => {
    limiter.take(key);
    limiter.take(key);
    spent.push(key);
  };
  // Of sixteen neighbours, one has a token left.
  for (let n = 0; n < KEYS_MAX; n++) n % 16 === 0 ? limiter.take(`key-${n}`) : spend(`key-${n}`);
  for (let n = 0; n < 500; n++) spend(`new-${n}`);
  equal(limiter.size, KEYS_MAX);
  equal(spent.filter((key) => !limiter.isEmpty(key)).length, 0);
});

test("one process admits no more than its burst, however often Redis fails in between", async () => {
  const rate = { count: 1, perMs: 60_000, burst: 5 };
  let missingMs = 0;
  let works = true;
  const redis = {
    up: () => true,
    evaluate: async () => {
      if (!works) return undefined;
      missingMs += rate.perMs;
      return [1, missingMs.toFixed(6)];
    },
  };
  const clock = { now: () => 0, monotonic: () => 0, sleep: async () => undefined };
  const limiter = new RedisRateLimiter({ name: "ip", rate, clock, redis, keySecret: "" });
  let admitted = 0;
  for (let n = 0; n < 20; n++) {
    works = n % 2 === 0;
    if ((await limiter.take("a")).allowed) admitted++;
  }
  equal(admitted, 5);
});

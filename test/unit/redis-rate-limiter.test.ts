import { deepEqual, equal, match, notEqual, ok } from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { RedisRateLimiter } from "../../src/ratelimit/rate-limiter.ts";
import { HandClock } from "../support/hand-clock.ts";

const RATE = { count: 10, perMs: 1_000, burst: 3 };

/** A limiter, and what it asks of Redis. `reply` is what Redis says. */
function bench({ name = "sender", keySecret = "secret" } = {}) {
  const asked: { script: string; keys: readonly string[]; args: readonly string[] }[] = [];
  const state: { up: boolean; reply: unknown } = { up: true, reply: [1, "100"] };
  const clock = new HandClock();
  const redis = {
    up: () => state.up,
    evaluate: async (script: string, keys: readonly string[], args: readonly string[]) => {
      asked.push({ script, keys, args });
      return state.reply;
    },
  };
  return {
    asked,
    state,
    clock,
    limiter: new RedisRateLimiter({ name, rate: RATE, redis, keySecret, clock }),
  };
}

test("Redis gets the worth of a token and of a full bucket, and its answer decides", async () => {
  const { asked, state, limiter } = bench();
  deepEqual(await limiter.take("a"), { rate: RATE, allowed: true, remaining: 2, nextMs: 100 });
  const [call] = asked;
  deepEqual(call?.args, ["100", "300"]);
  match(call?.script ?? "", /redis\.call\('SET'/);
  state.reply = [0, "250.5"];
  deepEqual(await limiter.take("b"), { rate: RATE, allowed: false, remaining: 0, nextMs: 50.5 });
});

test("a key reaches Redis only as a hash with the secret and the name of its limiter", async () => {
  const keyOf = async (limiter: ReturnType<typeof bench>, key: string) => {
    await limiter.limiter.take(key);
    return limiter.asked.at(-1)?.keys;
  };
  const hash = createHash("sha256").update("secret\0sender\0+919876543210").digest("base64url");
  deepEqual(await keyOf(bench(), "+919876543210"), [`limit:sender:${hash.slice(0, 22)}`]);
  const keys = [
    await keyOf(bench(), "a"),
    await keyOf(bench(), "b"),
    await keyOf(bench({ keySecret: "other" }), "a"),
    await keyOf(bench({ name: "ip" }), "a"),
  ];
  equal(new Set(keys.map(String)).size, 4);
  notEqual(keys[0], undefined);
});

test("a bucket that Redis said is empty is refused without asking again, until a token is added", async () => {
  const { asked, state, clock, limiter } = bench();
  state.reply = [0, "300"];
  await limiter.take("a");
  const refused = limiter.take("a");
  ok(!(refused instanceof Promise));
  deepEqual(refused, { rate: RATE, allowed: false, remaining: 0, nextMs: 100 });
  equal(asked.length, 1);
  await limiter.take("b");
  equal(asked.length, 2, "another key is asked for");
  await clock.advance(100);
  state.reply = [1, "300"];
  equal((await limiter.take("a")).allowed, true);
  equal(asked.length, 3);
});

test("while Redis is unavailable, local buckets continue from its last values", async () => {
  const { asked, state, limiter } = bench();
  state.reply = [1, "200"];
  await limiter.take("a");
  state.up = false;
  const taken = [limiter.take("a"), limiter.take("a")];
  deepEqual(
    taken.map((decision) => !(decision instanceof Promise) && decision.allowed),
    [true, false],
  );
  equal(asked.length, 1);
});

test("without an answer of Redis the local bucket decides", async () => {
  const { state, limiter } = bench();
  for (const reply of [undefined, null, "1"]) {
    state.reply = reply;
    equal((await limiter.take("a")).allowed, true, String(reply));
  }
  deepEqual(await limiter.take("a"), { rate: RATE, allowed: false, remaining: 0, nextMs: 100 });
});

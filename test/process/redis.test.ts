import { deepEqual, equal, match, ok } from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { createServer } from "node:net";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { systemClock } from "../../src/domain/clock.ts";
import type { Rate } from "../../src/domain/rate.ts";
import { RedisRateLimiter } from "../../src/ratelimit/rate-limiter.ts";
import { Redis } from "../../src/redis/redis.ts";
import { ownRedis, testedRedis, unlessAnyRedis, unlessRedis } from "../support/redis.ts";
import { testRuntime } from "../support/runtime.ts";
import { freePort } from "../support/server-folder.ts";

const WAIT_MS_MAX = 15_000;
/** Generous compared with the 50 ms of a call: the test looks for seconds. */
const SOON_MS_MAX = 1_000;
const CALLS_UNDER_WAY_MAX = 1_024;
const SUM = "return redis.call('INCRBY', KEYS[1], ARGV[1])";

const PATIENT = { callMsMax: WAIT_MS_MAX };

interface Watched extends AsyncDisposable {
  readonly redis: Redis;
  /** Its reports, in order: `away REASON` and `back`. */
  readonly told: readonly string[];
  readonly failures: () => number;
}

/**
 * Patient where the test is not about time: a machine that is busy with other tests may take longer
 * than the 50 ms.
 */
async function connect(
  url: string,
  patience: { readonly callMsMax?: number } = PATIENT,
): Promise<Watched> {
  const told: string[] = [];
  let failures = 0;
  const redis = await Redis.open(testRuntime({ random: () => 0.5 }), {
    url,
    ...patience,
    failed: () => (failures += 1),
    becameUnavailable: (reason) => told.push(`away ${reason}`),
    becameAvailable: () => told.push("back"),
  });
  return { redis, told, failures: () => failures, [Symbol.asyncDispose]: () => redis.close() };
}

/** With the deadline of requests. */
const connectAsServed = (url: string) => connect(url, {});

async function until(holds: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadline = performance.now() + WAIT_MS_MAX;
  while (!(await holds())) {
    ok(performance.now() < deadline, `${what} never came true`);
    await setTimeout(10);
  }
}

const skip = unlessRedis();
const skipAny = { skip: unlessAnyRedis() };

test(
  "values and scripts are stored below lyftr:, and values for their time only",
  skipAny,
  async () => {
    await using server = await testedRedis();
    await using watched = await connect(server.url);
    const { redis } = watched;
    equal(redis.up(), true);
    equal(await redis.get("test"), null);
    equal(await redis.set("test", "a\u0000é", 60_000), true);
    equal(await redis.get("test"), "a\u0000é");
    equal(await server.command("GET", "lyftr:test"), "a\u0000é");
    const left = Number(await server.command("PTTL", "lyftr:test"));
    ok(left > 0 && left <= 60_000, `${left} ms`);
    await redis.set("gone", "soon", 1);
    await until(async () => (await redis.get("gone")) === null, "the end of its time");
    equal(await redis.evaluate(SUM, ["sum"], ["2"]), 2);
    equal(await redis.evaluate(SUM, ["sum"], ["3"]), 5);
    await server.command("DEL", "lyftr:test", "lyftr:sum");
    deepEqual([watched.told, watched.failures()], [[], 0]);
  },
);

test("a script that Redis has lost is sent again, and that is not a failure", {
  skip,
}, async () => {
  await using server = await ownRedis();
  await using watched = await connect(server.url);
  for (let n = 1; n <= 5; n++) {
    equal(await watched.redis.evaluate(SUM, ["sum"], ["1"]), n);
    await server.command("SCRIPT", "FLUSH");
  }
  deepEqual([watched.told, watched.failures()], [[], 0]);
});

test("without Redis a start succeeds, calls resolve at once, and Redis is used when it comes", {
  skip,
}, async () => {
  await using server = await ownRedis();
  await server.kill();
  await using watched = await connect(server.url);
  deepEqual(watched.told, ["away Nothing listens at its address (ECONNREFUSED)."]);
  const started = performance.now();
  for (let n = 0; n < 1_000; n++) equal(await watched.redis.get("x"), undefined);
  ok(performance.now() - started < SOON_MS_MAX);
  // No call was made, so nothing failed.
  equal(watched.failures(), 0);
  await server.start();
  await until(() => watched.redis.up(), "coming back");
  deepEqual(watched.told, ["away Nothing listens at its address (ECONNREFUSED).", "back"]);
  equal(await watched.redis.get("x"), null);
});

test("a killed Redis is not asked any more at once, and used again when it is back", {
  skip,
}, async () => {
  await using server = await ownRedis();
  await using watched = await connect(server.url);
  equal(await watched.redis.set("x", "1", 60_000), true);
  await server.kill();
  await until(() => !watched.redis.up(), "being left alone");
  equal(await watched.redis.get("x"), undefined);
  await server.start();
  await until(() => watched.redis.up(), "coming back");
  equal(watched.told.length, 2);
  equal(await watched.redis.evaluate(SUM, ["sum"], ["1"]), 1);
});

test("a Redis that hangs costs three calls their 50 ms and the others nothing", {
  skip,
}, async () => {
  await using server = await ownRedis();
  await using watched = await connectAsServed(server.url);
  server.freeze();
  for (let n = 0; n < 3; n++) {
    const started = performance.now();
    equal(await watched.redis.get("x"), undefined);
    const tookMs = performance.now() - started;
    ok(tookMs >= 49 && tookMs < SOON_MS_MAX, `${tookMs} ms`);
  }
  deepEqual([watched.told, watched.failures()], [["away It did not answer in time (timeout)."], 3]);
  const started = performance.now();
  for (let n = 0; n < 1_000; n++) equal(await watched.redis.get("x"), undefined);
  ok(performance.now() - started < SOON_MS_MAX);
  server.thaw();
  await until(async () => (await watched.redis.get("x")) === null, "an answer");
});

test("calls under way are bounded, and all resolve when Redis becomes unavailable", {
  skip,
}, async () => {
  await using server = await ownRedis();
  await using watched = await connectAsServed(server.url);
  server.freeze();
  let atOnce = 0;
  const calls = Array.from({ length: CALLS_UNDER_WAY_MAX + 4_000 }, () => watched.redis.get("x"));
  for (const call of calls) void call.then(() => atOnce++);
  // No time passes here: a call that has resolved by now was not sent.
  await Promise.resolve();
  equal(atOnce, 4_000);
  ok((await Promise.all(calls)).every((answer) => answer === undefined));
  equal(watched.failures(), calls.length);
  deepEqual(watched.told, ["away It did not answer in time (timeout)."]);
  server.thaw();
  await until(() => watched.redis.up(), "coming back");
  const many = () =>
    Promise.all(Array.from({ length: CALLS_UNDER_WAY_MAX }, () => watched.redis.get("x")));
  await until(
    async () => (await many()).every((answer) => answer === null),
    "as many calls as before",
  );
});

test("a full Redis is not asked until it accepts writes again, and does not flap", {
  skip,
}, async () => {
  await using server = await ownRedis();
  await using watched = await connect(server.url);
  await server.command("CONFIG", "SET", "maxmemory", "1");
  for (let n = 0; n < 3; n++) equal(await watched.redis.set("x", "1", 60_000), undefined);
  deepEqual(watched.told, ["away Its memory is full (OOM)."]);
  // Longer than the first two attempts to reconnect.
  await setTimeout(3_500);
  deepEqual(watched.told, ["away Its memory is full (OOM)."]);
  await server.command("CONFIG", "SET", "maxmemory", "0");
  await until(() => watched.redis.up(), "coming back");
  equal(await watched.redis.set("x", "1", 60_000), true);
});

test("a wrong password is reported by its kind, without the password", { skip }, async () => {
  await using server = await ownRedis("--requirepass", "rightpassword");
  const url = new URL(server.url);
  url.password = "wrongpassword";
  await using watched = await connect(url.href);
  deepEqual(watched.told, ["away It refuses the user or the password (WRONGPASS)."]);
  equal(await watched.redis.get("x"), undefined);
  url.password = "rightpassword";
  await using right = await connect(url.href);
  equal(right.redis.up(), true);
});

test("a server that is not Redis, one that does not answer and an unknown host name are survived, and closing is quick", async () => {
  for (const greeting of ["HTTP/1.1 400 Bad Request\r\n\r\n", "", "\u0000\u0001garbage"]) {
    const server = createServer((socket) => {
      socket.on("error", () => undefined);
      if (greeting !== "") socket.write(greeting);
    });
    const port = await freePort();
    await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
    const watched = await connect(`redis://127.0.0.1:${port}`);
    equal(watched.redis.up(), false);
    match(watched.told[0] ?? "", /^away [A-Z].*\.$/);
    const started = performance.now();
    await watched.redis.close();
    await watched.redis.close();
    ok(performance.now() - started < SOON_MS_MAX);
    server.close();
  }
  await using nowhere = await connect("redis://nowhere.invalid:6379");
  equal(nowhere.redis.up(), false);
});

test("closing resolves the calls under way with undefined, and does not count them as failures", {
  skip,
}, async () => {
  await using server = await ownRedis();
  const watched = await connect(server.url);
  server.freeze();
  const calls = Array.from({ length: 100 }, () => watched.redis.get("x"));
  await watched.redis.close();
  ok((await Promise.all(calls)).every((answer) => answer === undefined));
  deepEqual([watched.told, watched.failures()], [[], 0]);
});

/** A limiter for each of these connections; they share one bucket. */
function limitersOn(
  connections: readonly Watched[],
  rate: Rate,
  name: string = randomUUID(),
): readonly RedisRateLimiter[] {
  const common = { name, rate, clock: systemClock, keySecret: "secret" };
  return connections.map(({ redis }) => new RedisRateLimiter({ ...common, redis }));
}

test(
  "of many tokens that two replicas take at once, exactly the available ones are given",
  skipAny,
  async () => {
    await using server = await testedRedis();
    await using one = await connect(server.url);
    await using other = await connect(server.url);
    const limiters = limitersOn([one, other], { count: 1, perMs: 3_600_000, burst: 50 });
    const verdicts = await Promise.all(
      Array.from({ length: 400 }, (_, n) => limiters[n % 2]?.take("a")),
    );
    const given = verdicts.flatMap((verdict) => (verdict?.allowed ? [verdict.remaining] : []));
    deepEqual(
      given.sort((a, b) => b - a),
      Array.from({ length: 50 }, (_, n) => 49 - n),
    );
    // Another key has its own bucket.
    equal((await limiters[0]?.take("b"))?.remaining, 49);
  },
);

test("a shared token is available again when predicted, by Redis' own clock", skipAny, async () => {
  await using server = await testedRedis();
  await using one = await connect(server.url);
  await using other = await connect(server.url);
  const [first, second] = limitersOn([one, other], { count: 10, perMs: 5_000, burst: 2 });
  equal((await first?.take("a"))?.remaining, 1);
  equal((await second?.take("a"))?.remaining, 0);
  const refused = await first?.take("a");
  equal(refused?.allowed, false);
  ok(refused !== undefined && refused.nextMs > 0 && refused.nextMs <= 500, `${refused?.nextMs} ms`);
  await setTimeout(refused.nextMs + 5);
  // The other one heard of its last token some time after Redis had given it, and counts by itself
  // from then until there is another.
  const late = await second?.take("a");
  if (late?.allowed === false) {
    // One token takes 500 ms.
    ok(late.nextMs < 500, `${late.nextMs} ms`);
    await setTimeout(late.nextMs + 5);
    equal((await second?.take("a"))?.allowed, true);
  }
});

test("whatever Redis contains in its place, a bucket is neither more than full nor more than empty", {
  skip,
}, async () => {
  await using server = await ownRedis();
  await using watched = await connect(server.url);
  const [limiter] = limitersOn([watched], { count: 1, perMs: 1_000, burst: 3 }, "test");
  await limiter?.take("a");
  const [key] = (await server.command("KEYS", "lyftr:limit:test:*")) as readonly string[];
  // Like when the clock of Redis was far ahead and no longer is.
  await server.command("SET", key ?? "", "9e15");
  const empty = await limiter?.take("a");
  deepEqual([empty?.allowed, empty?.remaining], [false, 0]);
  ok(empty !== undefined && empty.nextMs <= 1_000, `${empty?.nextMs} ms`);
  for (const value of ["1", "-1", "garbage", ""]) {
    await using another = await connect(server.url);
    await server.command("SET", key ?? "", value);
    equal(
      (await limitersOn([another], { count: 1, perMs: 1_000, burst: 3 }, "test")[0]?.take("a"))
        ?.remaining,
      2,
      value,
    );
  }
});

import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { RateLimiting, rateLimits } from "../../src/http/rate-limit.ts";
import type { Request } from "../../src/http/route.ts";
import { LocalRateLimiter, RedisRateLimiter } from "../../src/ratelimit/rate-limiter.ts";
import type { Limit } from "../../src/runtime.ts";
import { HandClock } from "../support/hand-clock.ts";

const ONE_PER_HOUR = { count: 1, perMs: 3_600_000, burst: 1 };
const LIMITS = ["sender", "ip", "key", "failed_signature", "failed_key"] as const;
const REDIS = { up: () => false, evaluate: async () => undefined };

interface Sent {
  readonly ip?: string;
  readonly peer?: string | undefined;
  readonly keyId?: string;
}

/** What a limit needs of a request. The headers of its answer are in `answerHeaders`. */
function request({ ip = "192.0.2.1", peer = ip, keyId }: Sent = {}): Request {
  const made = {
    ip,
    socket: { remoteAddress: peer },
    apiKey: keyId === undefined ? undefined : { id: keyId, name: keyId, scope: "read" },
    rateLimitHeaders: undefined,
    answerHeaders: {},
    addHeaders: (headers: object) => Object.assign(made.answerHeaders, headers),
  };
  return made as unknown as Request;
}

function limiting(...limits: readonly Limit[]) {
  const counted: Limit[] = [];
  const rates = Object.fromEntries(limits.map((limit) => [limit, ONE_PER_HOUR]));
  const options = { clock: new HandClock(), redis: undefined, keySecret: "" };
  const rateLimited = { inc: ({ limit }: { limit: Limit }) => void counted.push(limit) };
  return {
    counted,
    limits: new RateLimiting(rateLimits(rates, options), { rateLimited } as never),
  };
}

test("the limits of senders, addresses and keys are shared in Redis; those of failures never reach it", () => {
  const rates = Object.fromEntries(LIMITS.map((limit) => [limit, ONE_PER_HOUR]));
  const options = { clock: new HandClock(), keySecret: "" };
  const shared = rateLimits(rates, { ...options, redis: REDIS });
  for (const limit of ["sender", "ip", "key"] as const)
    ok(shared[limit] instanceof RedisRateLimiter, limit);
  for (const limit of ["failed_signature", "failed_key"] as const)
    ok(shared[limit] instanceof LocalRateLimiter, limit);
  const own = rateLimits(rates, { ...options, redis: undefined });
  for (const limit of LIMITS) ok(own[limit] instanceof LocalRateLimiter, limit);
});

test("each limit has its own rate and its own name in Redis, and without a rate there is none", async () => {
  const options = { clock: new HandClock(), keySecret: "" };
  for (const redis of [REDIS, undefined]) {
    const none = rateLimits({}, { ...options, redis });
    deepEqual(
      LIMITS.map((limit) => none[limit]),
      LIMITS.map(() => undefined),
    );
  }
  const keys: string[] = [];
  const evaluate = async (_: string, [key = ""]: readonly string[]) => void keys.push(key);
  for (const [at, limit] of LIMITS.entries()) {
    const rate = { ...ONE_PER_HOUR, count: at + 2 };
    const redis = { up: () => true, evaluate };
    const limits = rateLimits({ [limit]: rate }, { ...options, redis });
    deepEqual((await limits[limit]?.take("a"))?.rate, rate);
  }
  deepEqual(
    keys.map((key) => key.split(":").slice(0, 2).join(":")),
    ["limit:sender", "limit:ip", "limit:key"],
  );
});

test("a request within the limit of its address passes with the state of the limit, the next one gets 429", async () => {
  const { limits, counted } = limiting("ip");
  const first = request();
  equal(await limits.refuseAddress(first), undefined);
  deepEqual(first.answerHeaders, {
    "ratelimit-policy": '"ip";q=1;w=3600',
    ratelimit: '"ip";r=0;t=3600',
  });
  deepEqual(counted, []);
  const second = request();
  deepEqual(await limits.refuseAddress(second), {
    status: 429,
    headers: { "retry-after": "3600" },
    log: { limit: "ip" },
    result: "rate_limited",
    problem: { detail: "rate limit exceeded" },
  });
  deepEqual(second.answerHeaders, first.answerHeaders);
  deepEqual(counted, ["ip"]);
  equal(await limits.refuseAddress(request({ ip: "192.0.2.2" })), undefined);
});

test("the addresses of one IPv6 network count together, and an unreadable one counts as that of its proxy", async () => {
  const { limits } = limiting("ip");
  equal(await limits.refuseAddress(request({ ip: "2001:db8::1" })), undefined);
  equal((await limits.refuseAddress(request({ ip: "2001:db8::2" })))?.status, 429);
  equal(await limits.refuseAddress(request({ ip: "unknown", peer: "192.0.2.9" })), undefined);
  equal((await limits.refuseAddress(request({ ip: "192.0.2.9" })))?.status, 429);
  const behind = request({ ip: "192.0.2.8:4711", peer: "192.0.2.9" });
  equal(await limits.refuseAddress(behind), undefined);
  equal((await limits.refuseAddress(request({ ip: "192.0.2.8" })))?.status, 429);
  equal(await limits.refuseAddress(request({ ip: "", peer: undefined })), undefined);
});

test("an API key has its own limit, and a request without one is not limited by it", async () => {
  const { limits, counted } = limiting("key");
  equal(await limits.refuseKey(request({ keyId: "a" })), undefined);
  equal((await limits.refuseKey(request({ keyId: "a" })))?.status, 429);
  equal(await limits.refuseKey(request({ keyId: "b" })), undefined);
  for (let sent = 0; sent < 3; sent++) equal(await limits.refuseKey(request()), undefined);
  deepEqual(counted, ["key"]);
});

test("failures of one address beyond their limit get 429, and those within it add no headers", () => {
  for (const limit of ["failed_signature", "failed_key"] as const) {
    const { limits, counted } = limiting(limit);
    const first = request();
    equal(limits.refuseFailure(first, limit), undefined);
    deepEqual(first.answerHeaders, {});
    const reply = limits.refuseFailure(request(), limit);
    deepEqual([reply?.status, reply?.log], [429, { limit }]);
    equal(limits.refuseFailure(request({ ip: "192.0.2.2" }), limit), undefined);
    deepEqual(counted, [limit]);
  }
});

test("without limits nothing is refused and no header is added", async () => {
  const { limits } = limiting();
  const sent = request({ keyId: "a" });
  equal(await limits.refuseAddress(sent), undefined);
  equal(await limits.refuseKey(sent), undefined);
  equal(limits.refuseFailure(sent, "failed_key"), undefined);
  deepEqual(sent.answerHeaders, {});
});

test("when several limits apply, the headers list all of them", async () => {
  const { limits } = limiting("ip", "key");
  const sent = request({ keyId: "a" });
  await limits.refuseAddress(sent);
  await limits.refuseKey(sent);
  deepEqual(sent.answerHeaders, {
    "ratelimit-policy": '"ip";q=1;w=3600, "key";q=1;w=3600',
    ratelimit: '"ip";r=0;t=3600, "key";r=0;t=3600',
  });
});

test("times in headers are whole seconds, rounded up, at least one", () => {
  const { limits } = limiting();
  const headersOf = (nextMs: number, burst: number) => {
    const sent = request();
    const rate = { count: 4, perMs: 2_000, burst };
    const reply = limits.refuse(sent, "sender", { rate, allowed: false, remaining: 7, nextMs });
    return [...Object.values(sent.answerHeaders), reply.headers?.["retry-after"]];
  };
  deepEqual(headersOf(0, 1), ['"sender";q=1;w=1', '"sender";r=7;t=1', "1"]);
  deepEqual(headersOf(1_000, 2), ['"sender";q=2;w=1', '"sender";r=7;t=1', "1"]);
  deepEqual(headersOf(1_001, 3), ['"sender";q=3;w=2', '"sender";r=7;t=2', "2"]);
});

test("an answer of Redis is waited for, and decides like a local one", async () => {
  const replies = [
    [1, "0"],
    [0, "3600000"],
  ];
  const redis = { up: () => true, evaluate: async () => replies.shift() };
  const options = { clock: new HandClock(), redis, keySecret: "" };
  const counted: unknown[] = [];
  const rateLimited = { inc: (labels: unknown) => void counted.push(labels) };
  const limits = new RateLimiting(rateLimits({ ip: ONE_PER_HOUR }, options), {
    rateLimited,
  } as never);
  const first = limits.refuseAddress(request());
  ok(first instanceof Promise);
  equal(await first, undefined);
  equal((await limits.refuseAddress(request()))?.status, 429);
  deepEqual(counted, [{ limit: "ip" }]);
});

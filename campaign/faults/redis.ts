import { setTimeout } from "node:timers/promises";
import { scrape, series } from "../../test/support/client.ts";
import { Load } from "../../test/support/load.ts";
import { ownRedis, type RedisServer } from "../../test/support/redis.ts";
import type { Fault, RoundContext, RoundResult } from "../fault.ts";
import { Inbox } from "../support/inbox.ts";
import { Probe } from "../support/probe.ts";

const ACCEPTED_BETWEEN = 40;
const ACCEPTED_DURING = 40;
/** Of a sender, because some rounds take half a minute. */
const PAUSE_BETWEEN_MS = 50;
const PAUSE_MS = 60_000;
/** The metrics are rendered once a second. */
const NOTICED_MS_MAX = 5_000;
/** A request waits for Redis three times at most, 50 ms each. The rest is for a busy machine. */
const REQUEST_MS_MAX = 5_000;
const ACCEPTED_MS_MAX = 10_000;
/** High enough that no request is refused, so that each request asks Redis. */
const RATE = "1000000/1s";

const KINDS: readonly {
  readonly name: string;
  begin(redis: RedisServer): Promise<unknown>;
  end(redis: RedisServer): Promise<unknown>;
}[] = [
  { name: "killed", begin: (redis) => redis.kill(), end: (redis) => redis.start() },
  {
    name: "stopped",
    begin: async (redis) => redis.freeze(),
    end: async (redis) => redis.thaw(),
  },
  {
    name: "slow",
    begin: (redis) => redis.command("CLIENT", "PAUSE", String(PAUSE_MS), "ALL"),
    // A command to end the pause would wait for its end.
    end: async (redis) => {
      await redis.kill();
      await redis.start();
    },
  },
  {
    name: "full",
    begin: (redis) => redis.command("CONFIG", "SET", "maxmemory", "1"),
    end: (redis) => redis.command("CONFIG", "SET", "maxmemory", "0"),
  },
];

/** Redis fails in each of four ways. */
export const redis: Fault = {
  name: "redis",
  what: "Redis is killed, stopped, paused and full, one after the other, under load",
  expected: "no request fails; after 3 errors Redis is not asked any more, and is used again later",
  databases: ["sqlite"],
  rounds: { short: 1, long: 20 },
  controls: ["redis-is-always-asked", "redis-has-no-deadline"],
  run: withoutRedis,
};

async function withoutRedis(context: RoundContext): Promise<RoundResult> {
  await using server = await ownRedis();
  await using inbox = await Inbox.create(context);
  const env = { REDIS_URL: server.url, RATE_LIMIT_PER_IP: RATE };
  const service = await inbox.start(env);
  const probes = ["/messages?limit=1", "/stats", "/health/live"].map(
    (path) => new Probe(service.url + path),
  );
  await using load = new Load(inbox.ledger, service.url, PAUSE_BETWEEN_MS);
  const kinds = context.isShort ? [0, 1, 2, 3] : [0, 1, 2, 3, 0, 1, 2, 3];
  const broken: string[] = [];
  for (const kind of kinds) {
    const { name, begin, end } = KINDS[kind] as (typeof KINDS)[number];
    broken.push(...(await becomes(service, 1, `after Redis is back, before it is ${name}`)));
    await load.accepts(context.random.between(1, ACCEPTED_BETWEEN));
    await begin(server);
    broken.push(...(await becomes(service, 0, `while Redis is ${name}`)));
    await load
      .accepts(ACCEPTED_DURING, ACCEPTED_MS_MAX)
      .catch((error: Error) => broken.push(`${error.message}, while Redis is ${name}`));
    await end(server);
  }
  await load.accepts(ACCEPTED_BETWEEN);
  await load.stop();
  await Promise.all(probes.map((probe) => probe.stop()));
  if (load.failed > 0) broken.push(`${load.failed} requests failed`);
  broken.push(...probes.flatMap((probe) => probe.failures.slice(0, 3)));
  broken.push(...(probes[2]?.broken() ?? []));
  const slowestMs = Math.round(inbox.ledger.slowestMs);
  if (slowestMs > REQUEST_MS_MAX) broken.push(`a message waited ${slowestMs} ms`);
  const { counts, broken: found } = await inbox.check();
  return {
    counts: { ...counts, outages: kinds.length, failed: load.failed, slowestMsMax: slowestMs },
    broken: [...broken, ...found],
  };
}

/** Resolves when the service uses Redis (1) or does without (0). */
async function becomes(
  service: { readonly url: string },
  up: 0 | 1,
  when: string,
): Promise<readonly string[]> {
  const msMax = up === 1 ? 2 * REDIS_RETRY_MS_MAX : NOTICED_MS_MAX;
  const deadline = performance.now() + msMax;
  while (series(await scrape(service)).get("shared_state_up") !== up) {
    if (performance.now() > deadline)
      return [`the service ${up === 1 ? "does not use" : "still asks"} Redis ${when}`];
    await setTimeout(100);
  }
  return [];
}

const REDIS_RETRY_MS_MAX = 10_000;

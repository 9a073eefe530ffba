import { RedisResponses } from "../cache/redis-responses.ts";
import type { Config } from "../config.ts";
import type { Clock } from "../domain/clock.ts";
import type { rateLimits } from "../http/rate-limit.ts";
import type { Log } from "../observe/log.ts";
import type { Metrics } from "../observe/metrics.ts";
import { VERSION } from "../observe/version.ts";
import { Redis } from "../redis/redis.ts";
import type { Store } from "../store/store.ts";

/** Connects to the Redis that replicas share, if one is configured. */
export async function openRedis(
  { redisUrl: url }: Config,
  { clock, log, metrics }: { clock: Clock; log: Log; metrics: Metrics },
): Promise<Redis | undefined> {
  if (url === undefined) return undefined;
  return Redis.open({
    url,
    clock,
    random: Math.random,
    failed: () => metrics.sharedStateFailures.inc(),
    wentAway: (reason) =>
      log.warn({ msg: "Redis is unavailable: each process continues on its own", dependency: "redis", reason }),
    cameBack: (outageMs) => log.info({ msg: "Redis is back", dependency: "redis", outage_ms: outageMs }),
  });
}

export function ratesOf(config: Config): Parameters<typeof rateLimits>[0] {
  return {
    sender: config.rateLimitPerSender,
    ip: config.rateLimitPerIp,
    key: config.rateLimitPerKey,
    failed_signature: config.rateLimitFailedAuth,
    failed_key: config.rateLimitFailedAuth,
  };
}

/** The responses that all processes of one database share. A database without an identity has none. */
export function sharedResponses(store: Store, redis: Redis | undefined, ttlMs: number): RedisResponses | undefined {
  if (redis === undefined || store.identity === undefined) return undefined;
  return new RedisResponses({ redis, ttlMs, kind: [VERSION, store.identity] });
}

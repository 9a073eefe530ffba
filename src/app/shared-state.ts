import type { Config } from "../config.ts";
import type { Clock } from "../domain/clock.ts";
import type { rateLimits } from "../http/rate-limit.ts";
import type { Log } from "../observe/log.ts";
import type { Metrics } from "../observe/metrics.ts";
import { VERSION } from "../observe/version.ts";
import { Redis } from "../shared-state/redis.ts";
import { RedisAnswers } from "../shared-state/redis-answers.ts";
import type { Store } from "../store/store.ts";

/** What replicas share besides the database, if anything. */
export async function sharedState(
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

/** Answers of all processes that read the same database. Of one that nobody else can reach there are none. */
export function sharedAnswers(store: Store, shared: Redis | undefined, ttlMs: number): RedisAnswers | undefined {
  if (shared === undefined || store.identity === undefined) return undefined;
  return new RedisAnswers({ shared, ttlMs, kind: [VERSION, store.identity] });
}

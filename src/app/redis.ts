import { type RateLimits, rateLimits } from "../http/rate-limit.ts";
import { Redis } from "../redis/redis.ts";
import type { StartUp } from "./start-up.ts";

/** Connects to the Redis that the replicas share, if one is configured. */
export async function startRedis({
  config,
  runtime,
  stopping,
}: StartUp): Promise<Redis | undefined> {
  if (config.redisUrl === undefined) return undefined;
  const { log, metrics } = runtime;
  const redis = await Redis.open(runtime, {
    url: config.redisUrl,
    failed: () => metrics.sharedStateFailures.inc(),
    becameUnavailable: (reason) =>
      log.warn({
        msg: "Redis is unavailable: each process continues on its own",
        dependency: "redis",
        reason,
      }),
    becameAvailable: (outageMs) =>
      log.info({ msg: "Redis is back", dependency: "redis", outage_ms: outageMs }),
  });
  stopping.defer(() => redis.close());
  return redis;
}

export function createRateLimits(
  { config, runtime }: StartUp,
  redis: Redis | undefined,
): RateLimits {
  const rates = {
    sender: config.rateLimitPerSender,
    ip: config.rateLimitPerIp,
    key: config.rateLimitPerKey,
    failed_signature: config.rateLimitFailedAuth,
    failed_key: config.rateLimitFailedAuth,
  };
  return rateLimits(rates, {
    clock: runtime.clock,
    redis,
    keySecret:
      config.masterKey ?? config.webhookSecret ?? config.webhookSecretsPrevious[0]?.secret ?? "",
  });
}

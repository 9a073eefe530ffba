import { RedisResponses } from "../cache/redis-responses.ts";
import { ResponseCache } from "../cache/response-cache.ts";
import { WriteTracker } from "../cache/write-tracker.ts";
import type { Redis } from "../redis/redis.ts";
import type { DeletedStep, RetentionStore } from "../store/retention.ts";
import type { InsertOutcome, Store } from "../store/store.ts";
import type { StartUp } from "./start-up.ts";
import { VERSION } from "./start-up.ts";

/** The response cache, and the store whose writes invalidate it. */
export interface Caching {
  readonly responses: ResponseCache;
  readonly written: Pick<Store, "insertMessages">;
  readonly retention: RetentionStore;
}

export function createCache(
  { config, runtime, part }: StartUp,
  store: Store,
  redis: Redis | undefined,
): Caching {
  const { clock, metrics } = runtime;
  const writes = new WriteTracker(clock);
  // With several processes the cache is off. A process does not know what the others store, and a
  // service must show a message as soon as it has taken it.
  const ttlMs = part === undefined ? config.cacheTtlMs : 0;
  const responses = new ResponseCache(clock, {
    ttlMs,
    writes,
    count: (result) => metrics.cacheRequests.inc({ result }),
    shared: sharedResponses(store, redis, ttlMs),
    dataVersion: () => store.dataVersion(),
  });
  return {
    responses,
    written: ttlMs === 0 ? store : trackInserts(writes, store),
    retention: trackDeletions(writes, store.retention),
  };
}

/**
 * The responses that all processes of one database share. A database without an identity has none.
 */
function sharedResponses(
  store: Store,
  redis: Redis | undefined,
  ttlMs: number,
): RedisResponses | undefined {
  if (redis === undefined || store.identity === undefined) return undefined;
  return new RedisResponses({ redis, ttlMs, kind: [VERSION, store.identity] });
}

/** A store whose inserts invalidate the response cache. */
function trackInserts(writes: WriteTracker, store: Store): Pick<Store, "insertMessages"> {
  const anyNew = (outcomes: readonly InsertOutcome[]) => outcomes.includes("created");
  return { insertMessages: (rows) => writes.during(() => store.insertMessages(rows), anyNew) };
}

/** A retention store whose deletions invalidate the response cache. */
function trackDeletions(writes: WriteTracker, store: RetentionStore): RetentionStore {
  const anyGone = ({ deleted }: DeletedStep) => deleted > 0;
  return {
    expire: (step) => writes.during(() => store.expire(step), anyGone),
    erase: (step) => writes.during(() => store.erase(step), anyGone),
    dropTombstones: (options) => store.dropTombstones(options),
    reclaimSpace: () => store.reclaimSpace(),
    scrub: () => store.scrub(),
    lastSweep: () => store.lastSweep(),
    recordSweep: (sweep) => store.recordSweep(sweep),
    seedLastSweep: () => store.seedLastSweep(),
    hasEndedTombstones: (now) => store.hasEndedTombstones(now),
    holdLease: (holder, seconds) => store.holdLease(holder, seconds),
  };
}

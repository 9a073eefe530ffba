import { setTimeout } from "node:timers/promises";
import type { RetentionStore } from "../../retention.ts";
import { MESSAGE_LOG_KEPT } from "./space.ts";

const TOMBSTONES_PER_STEP_MAX = 1_000;

/** Each attempt waits for readers, and writers wait for it. */
const TRUNCATIONS_MAX = 40;
const TRUNCATION_PAUSE_MS = 50;

/** Asks a thread for an operation. */
type Call = <T>(operation: string, argument?: unknown) => Promise<T>;

/**
 * Deletion runs in the index thread, because a deleted message leaves the read index in the same
 * transaction. The writer thread then runs the checkpoint of the messages.
 */
export function retentionBy(indexer: Call, writer: Call): RetentionStore {
  const deleting = async <T>(operation: string, argument: unknown): Promise<T> => {
    const result = await indexer<T>(operation, argument);
    await writer("written");
    return result;
  };
  return {
    expire: (step) => deleting("expire", step),
    erase: (step) => deleting("erase", step),
    dropTombstones: ({ now, rowsMax }) =>
      deleting("dropTombstones", { now, rowsMax: Math.min(rowsMax, TOMBSTONES_PER_STEP_MAX) }),
    reclaimSpace: () => indexer("reclaimSpace"),
    scrub: async () => {
      const remains = await indexer<readonly string[]>("scrub");
      return (await truncateMessageLog(writer)) ? remains : [MESSAGE_LOG_KEPT, ...remains];
    },
    lastSweep: () => indexer("lastSweep"),
    recordSweep: (sweep) => indexer("recordSweep", sweep),
    seedLastSweep: () => indexer("seedLastSweep"),
    hasEndedTombstones: (now) => indexer("hasEndedTombstones", now),
    // One process serves a file.
    holdLease: async () => true,
  };
}

/** Inserts run between the attempts. Returns false if reads prevented all of them. */
async function truncateMessageLog(writer: Call): Promise<boolean> {
  for (let attempt = 1; attempt <= TRUNCATIONS_MAX; attempt++) {
    if (await writer<boolean>("truncateWal")) return true;
    await setTimeout(TRUNCATION_PAUSE_MS);
  }
  return false;
}

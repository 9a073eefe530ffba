import type { RetentionStore } from "../../retention.ts";

const TOMBSTONES_PER_STEP_MAX = 1_000;

/** Asks the index thread for an operation. */
type Call = <T>(operation: string, argument?: unknown) => Promise<T>;

/**
 * Deletion runs in the index thread, because a deleted message leaves the read index in the same
 * transaction.
 */
export function retentionBy(call: Call): RetentionStore {
  return {
    expire: (step) => call("expire", step),
    erase: (step) => call("erase", step),
    dropTombstones: ({ now, rowsMax }) =>
      call("dropTombstones", { now, rowsMax: Math.min(rowsMax, TOMBSTONES_PER_STEP_MAX) }),
    reclaimSpace: () => call("reclaimSpace"),
    scrub: () => call("scrub"),
    lastSweep: () => call("lastSweep"),
    recordSweep: (sweep) => call("recordSweep", sweep),
    seedLastSweep: () => call("seedLastSweep"),
    hasEndedTombstones: (now) => call("hasEndedTombstones", now),
    // One process serves a file.
    holdLease: async () => true,
  };
}

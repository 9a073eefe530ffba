import type { RetentionStore } from "../../retention.ts";
import type { WorkerLine } from "../worker-line.ts";

const TOMBSTONES_PER_STEP_MAX = 1_000;

/** Forgetting, by the thread that keeps the read index: whatever is deleted goes out of that as well. */
export function retentionBy(folder: Pick<WorkerLine, "call">): RetentionStore {
  return {
    expire: (step) => folder.call("expire", step),
    erase: (step) => folder.call("erase", step),
    dropTombstones: ({ now, rowsMax }) =>
      folder.call("dropTombstones", { now, rowsMax: Math.min(rowsMax, TOMBSTONES_PER_STEP_MAX) }),
    giveBackSpace: () => folder.call("giveBackSpace"),
    scrub: () => folder.call("scrub"),
    lastSweep: () => folder.call("lastSweep"),
    recordSweep: (sweep) => folder.call("recordSweep", sweep),
    seedLastSweep: () => folder.call("seedLastSweep"),
    hasEndedTombstones: (now) => folder.call("hasEndedTombstones", now),
    // One process serves a file.
    holdLease: async () => true,
  };
}

import type { WriteTracker } from "../cache/write-tracker.ts";
import type { DeletedStep, RetentionStore } from "../store/retention.ts";
import type { InsertOutcome, Store } from "../store/store.ts";

/** A store whose inserts tell the response cache that what it keeps is outdated. */
export function trackInserts(writes: WriteTracker, store: Store): Pick<Store, "insertMessages"> {
  const anyNew = (outcomes: readonly InsertOutcome[]) => outcomes.includes("created");
  return { insertMessages: (rows) => writes.during(() => store.insertMessages(rows), anyNew) };
}

/** The same for deletions. */
export function trackDeletions(writes: WriteTracker, store: RetentionStore): RetentionStore {
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

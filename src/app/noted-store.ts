import type { OwnWrites } from "../shared-state/own-writes.ts";
import type { DeletedStep, RetentionStore } from "../store/retention.ts";
import type { InsertOutcome, Store } from "../store/store.ts";

/** A store whose answers to reads are noted to be old whenever something new is in it. */
export function noting(writes: OwnWrites, store: Store): Pick<Store, "insertMessages"> {
  const anyNew = (outcomes: readonly InsertOutcome[]) => outcomes.includes("created");
  return { insertMessages: (rows) => writes.during(() => store.insertMessages(rows), anyNew) };
}

/** The same for what is taken out of it. */
export function notingDeletions(writes: OwnWrites, store: RetentionStore): RetentionStore {
  const anyGone = ({ deleted }: DeletedStep) => deleted > 0;
  return {
    expire: (step) => writes.during(() => store.expire(step), anyGone),
    erase: (step) => writes.during(() => store.erase(step), anyGone),
    dropTombstones: (options) => store.dropTombstones(options),
    giveBackSpace: () => store.giveBackSpace(),
    scrub: () => store.scrub(),
    lastSweep: () => store.lastSweep(),
    recordSweep: (sweep) => store.recordSweep(sweep),
    seedLastSweep: () => store.seedLastSweep(),
    hasEndedTombstones: (now) => store.hasEndedTombstones(now),
    holdLease: (holder, seconds) => store.holdLease(holder, seconds),
  };
}

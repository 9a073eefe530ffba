import type { ExpiryStep, RetentionStore, RetentionSweep } from "../../retention.ts";
import { checkpoint, isReadError, truncateWal } from "../connection.ts";
import { Deleter } from "../deletion/deleter.ts";
import {
  hasEndedTombstones,
  lastSweep,
  recordSweep,
  seedLastSweep,
} from "../deletion/last-sweep.ts";
import { dropTombstones, reclaimSpace, scrub } from "../deletion/space.ts";
import { openReadIndex, removeReadIndex } from "../index/connection.ts";
import { backlogOf, indexMessages } from "../index/index-messages.ts";
import { serveWorker } from "./serve-worker.ts";

type ErasureStep = Parameters<RetentionStore["erase"]>[0];

export interface OpenedIndex {
  readonly backlog: number;
  /** What was wrong with the existing index, which is now rebuilt. */
  readonly discarded: string | undefined;
}

// The code of the thread that maintains the read index. It locks only the index, so no insert ever
// waits for it.
serveWorker(({ path }: { path: string }) => {
  let discarded: string | undefined;
  const open = () => openReadIndex(path, (problem) => (discarded = problem));
  let statements = open();
  let deleter = new Deleter(statements);
  return {
    opened: (): OpenedIndex => ({ backlog: backlogOf(statements), discarded }),
    rebuild: () => {
      // Readers that still have the file open continue with the deleted file.
      removeReadIndex(path);
      const damaged = statements;
      statements = open();
      damaged.db.close();
      deleter = new Deleter(statements);
      return backlogOf(statements);
    },
    indexMessages: (rowsMax: number) => indexMessages(statements, rowsMax),
    expire: (step: ExpiryStep) => deleter.expire(step),
    erase: (step: ErasureStep) => deleter.erase(step),
    dropTombstones: (options: { now: string; rowsMax: number }) =>
      dropTombstones(statements, options),
    reclaimSpace: () => reclaimSpace(statements),
    lastSweep: () => lastSweep(statements),
    recordSweep: (sweep: RetentionSweep) => recordSweep(statements, sweep),
    seedLastSweep: () => seedLastSweep(statements),
    hasEndedTombstones: (now: string) => hasEndedTombstones(statements, now),
    scrub: () => scrub(statements),
    truncateWal: () => truncateWal(statements.db, "read_index"),
    // Checkpoints of the messages are left to the writer thread, also after a deletion. If both
    // threads ran them, one could succeed after that of the other had failed, and the next write
    // would overwrite the log of pages that the disk has lost.
    afterAnswer: () => checkpoint(statements, "read_index"),
    // The disk may have lost a part of the index, which can be rebuilt. A read error loses nothing.
    broken: (error: unknown) => {
      if (!isReadError(error)) removeReadIndex(path);
    },
    close: () => statements.db.close(),
  };
});

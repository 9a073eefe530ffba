import type { Log } from "../observe/log.ts";
import type { Metrics } from "../observe/metrics.ts";
import { type Damage, REPAIR, REPLACE_DISK } from "../store/damage.ts";

interface Tellers {
  readonly log: Log;
  readonly metrics: Pick<Metrics, "databaseDamaged" | "readIndexRebuilds">;
}

/** Tells of damage on the log and in the metrics. */
export function damageTold({ log, metrics }: Tellers): (damage: Damage) => void {
  return ({ kind, file, problem }) => {
    if (kind === "read_index") {
      metrics.readIndexRebuilds.inc();
      log.error({ msg: "the read index was damaged and is rebuilt from the messages", file, problem });
      return;
    }
    metrics.databaseDamaged.set(1);
    if (kind === "unreadable") {
      log.fatal({ msg: "the disk cannot deliver a part of the database", file, problem, action: REPLACE_DISK });
      return;
    }
    log.fatal({
      msg: "the database is damaged: reads of the damaged part get 503",
      file,
      problem,
      action: REPAIR,
    });
  };
}

import {
  cutoffText,
  type DeletedStep,
  type DeletionStep,
  type ExpiryStep,
  type RetentionStore,
  type RetentionSweep,
} from "../../retention.ts";
import { Database } from "../database.ts";
import { isStorable } from "../index/searchable.ts";
import type { Condition } from "../sql.ts";
import { announceDeletions, deleteChosen } from "./delete-messages.ts";
import { type ErasurePosition, findOf, hasAny } from "./erasure.ts";
import { type ExpiryPosition, findExpired } from "./expiry.ts";
import { hasEndedTombstones, lastSweep, recordSweep, seedLastSweep } from "./last-sweep.ts";

/**
 * The messages of one step of retention. Counting waits for a step, about a quarter of a second.
 */
const ROWS_PER_STEP_MAX = 5_000;
/**
 * The messages of one step of an erasure. The location of each row is sent to the service and back.
 */
const ERASED_PER_STEP_MAX = 1_000;
const VACUUM_MS_MAX = 6 * 60 * 60 * 1_000;
/**
 * All tables that contain phone numbers, and the planner's statistics of them. INDEX_CLEANUP ON
 * cleans the indexes even if there is little to do. It also empties the pending list of the search
 * index.
 */
const VACUUM = "VACUUM (ANALYZE, INDEX_CLEANUP ON) messages, totals, blocks";

/** If the role lacks the right, the server skips the tables with at most a warning. */
const MAY_VACUUM = `
  SELECT bool_and(pg_has_role(relowner, 'USAGE')) OR (
    SELECT pg_has_role(datdba, 'USAGE') FROM pg_catalog.pg_database WHERE datname = current_database()) AS may
  FROM pg_catalog.pg_class WHERE oid IN ('messages'::regclass, 'totals'::regclass, 'blocks'::regclass)`;
const NOT_VACUUMED = `The role of the service does not own the tables, so they may not have been vacuumed: let their owner run ${VACUUM}`;

const STILL_THERE: readonly string[] = [
  "Pages of the tables, their indexes and the planner's statistics contain pieces of deleted messages until they are overwritten; no query " +
    "finds these. VACUUM FULL messages, totals, blocks, pg_statistic rewrites the files, and no message can be stored or read during it",
  "The write-ahead log contains them until the server has recycled its files. So do archives of it, replicas that are behind, and backups, for as long as you keep them",
];

/** Retention and erasure in a PostgreSQL database, while other processes store, count and read. */
export class PostgresRetention implements RetentionStore {
  readonly #database: Database;
  readonly #url: string;
  #announced = false;

  /** `database` is the connection for counting, which has to wait for deletions anyway. */
  constructor(database: Database, url: string) {
    this.#database = database;
    this.#url = url;
  }

  async expire(step: ExpiryStep): Promise<DeletedStep> {
    const { dryRun = false, everywhere } = step;
    const receivedBefore = cutoffText(step.receivedBefore);
    const from: ExpiryPosition =
      step.position === undefined
        ? { stream: 0, seq: 0, everywhere }
        : (JSON.parse(step.position) as ExpiryPosition);
    // Counting is limited by time only.
    const rowsMax = dryRun ? Number.MAX_SAFE_INTEGER : Math.min(step.rowsMax, ROWS_PER_STEP_MAX);
    const { chosen, rows, position } = await findExpired(this.#database, from, {
      receivedBefore,
      rowsMax,
    });
    const deleted = dryRun || rows === 0 ? rows : await this.#delete(chosen, step);
    return { deleted, position: position && JSON.stringify(position) };
  }

  async erase(step: DeletionStep & { readonly msisdn: string }): Promise<DeletedStep> {
    const { msisdn, dryRun = false } = step;
    if (!isStorable(msisdn)) return { deleted: 0, position: undefined };
    const from: ErasurePosition =
      step.position === undefined
        ? { kind: "from" }
        : (JSON.parse(step.position) as ErasurePosition);
    const rowsMax = Math.min(step.rowsMax, ERASED_PER_STEP_MAX);
    const { chosen, rows, position } = await findOf(this.#database, from, { msisdn, rowsMax });
    const deleted = dryRun || rows === 0 ? rows : await this.#delete(chosen, step);
    // Messages that arrived during the scan may lie before the position.
    const again = !dryRun && position === undefined && (await hasAny(this.#database, msisdn));
    return {
      deleted,
      position: again ? JSON.stringify({ kind: "from" }) : position && JSON.stringify(position),
    };
  }

  async dropTombstones({
    now,
    rowsMax,
  }: {
    readonly now: string;
    readonly rowsMax: number;
  }): Promise<number> {
    return this.#database.transaction((tx) =>
      tx.run(
        `DELETE FROM tombstones WHERE hash IN (
           SELECT hash FROM tombstones WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)`,
        [now, rowsMax],
      ),
    );
  }

  /**
   * Autovacuum makes the space of deleted messages available for new ones, and returns free space
   * at the end of a file.
   */
  async reclaimSpace(): Promise<number> {
    return 0;
  }

  async scrub(): Promise<readonly string[]> {
    // It takes minutes on a large table, and counting must not wait for it.
    const database = new Database(this.#url, { connectionsMax: 1 });
    try {
      await database.outsideTransaction(VACUUM, VACUUM_MS_MAX);
      const [row] = await database.all<{ may: boolean }>(MAY_VACUUM);
      return row?.may === true ? STILL_THERE : [NOT_VACUUMED, ...STILL_THERE];
    } finally {
      await database.close();
    }
  }

  lastSweep(): Promise<RetentionSweep | undefined> {
    return lastSweep(this.#database);
  }

  recordSweep(sweep: RetentionSweep): Promise<void> {
    return recordSweep(this.#database, sweep);
  }

  seedLastSweep(): Promise<void> {
    return seedLastSweep(this.#database);
  }

  hasEndedTombstones(now: string): Promise<boolean> {
    return hasEndedTombstones(this.#database, now);
  }

  async holdLease(holder: string, seconds: number): Promise<boolean> {
    const taken = await this.#database.transaction((tx) =>
      tx.run(
        `UPDATE leases SET holder = $1, expires_at = now() + make_interval(secs => $2)
         WHERE name = 'retention' AND (holder = $1 OR expires_at < now())`,
        [holder, seconds],
      ),
    );
    return taken === 1;
  }

  async #delete(chosen: Condition, { tombstonesUntil }: DeletionStep): Promise<number> {
    if (!this.#announced) await announceDeletions(this.#database);
    this.#announced = true;
    return deleteChosen(this.#database, { chosen, tombstonesUntil });
  }
}

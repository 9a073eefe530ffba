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

/** Whoever counts waits so long: about a quarter of a second. */
const ROWS_PER_STEP_MAX = 5_000;
/** Of a person; where each of them is comes here and goes back. */
const ERASED_PER_STEP_MAX = 1_000;
const VACUUM_MS_MAX = 6 * 60 * 60 * 1_000;
/**
 * Everything that has numbers of people in it, and what the planner remembers of it. Indexes are gone through however little there is to do,
 * which is not the default; that also empties the list of texts that wait for the index of the search.
 */
const VACUUM = "VACUUM (ANALYZE, INDEX_CLEANUP ON) messages, totals, blocks";

/** Of a role that may not, the server skips the tables, with a warning at most. */
const MAY_VACUUM = `
  SELECT bool_and(pg_has_role(relowner, 'USAGE')) OR (
    SELECT pg_has_role(datdba, 'USAGE') FROM pg_catalog.pg_database WHERE datname = current_database()) AS may
  FROM pg_catalog.pg_class WHERE oid IN ('messages'::regclass, 'totals'::regclass, 'blocks'::regclass)`;
const NOT_VACUUMED = `The role of the service does not own the tables, so they may not have been vacuumed: let their owner run ${VACUUM}`;

const STILL_THERE: readonly string[] = [
  "Pages of the tables, their indexes and the planner's statistics hold pieces of what was deleted until something overwrites them; no query " +
    "finds these. VACUUM FULL messages, totals, blocks, pg_statistic writes the files anew, and nobody can store or read meanwhile",
  "The write-ahead log has it until the server has recycled its files. So do archives of it, replicas that are behind, and backups, for as long as you keep them",
];

/** Forgetting in a PostgreSQL database, while any number of processes store, count and read. */
export class PostgresRetention implements RetentionStore {
  readonly #database: Database;
  readonly #url: string;
  #announced = false;

  /** `database` is the one that counts, which waits for deleting anyhow. */
  constructor(database: Database, url: string) {
    this.#database = database;
    this.#url = url;
  }

  async expire(step: ExpiryStep): Promise<DeletedStep> {
    const { dryRun = false, everywhere } = step;
    const receivedBefore = cutoffText(step.receivedBefore);
    const from: ExpiryPosition =
      step.position === undefined ? { stream: 0, seq: 0, everywhere } : (JSON.parse(step.position) as ExpiryPosition);
    // What is only counted is bounded by time alone.
    const rowsMax = dryRun ? Number.MAX_SAFE_INTEGER : Math.min(step.rowsMax, ROWS_PER_STEP_MAX);
    const { chosen, rows, position } = await findExpired(this.#database, from, { receivedBefore, rowsMax });
    const deleted = dryRun || rows === 0 ? rows : await this.#delete(chosen, step);
    return { deleted, position: position && JSON.stringify(position) };
  }

  async erase(step: DeletionStep & { readonly msisdn: string }): Promise<DeletedStep> {
    const { msisdn, dryRun = false } = step;
    if (!isStorable(msisdn)) return { deleted: 0, position: undefined };
    const from: ErasurePosition =
      step.position === undefined ? { kind: "from" } : (JSON.parse(step.position) as ErasurePosition);
    const rowsMax = Math.min(step.rowsMax, ERASED_PER_STEP_MAX);
    const { chosen, rows, position } = await findOf(this.#database, from, { msisdn, rowsMax });
    const deleted = dryRun || rows === 0 ? rows : await this.#delete(chosen, step);
    // What came in meanwhile may lie before the place.
    const again = !dryRun && position === undefined && (await hasAny(this.#database, msisdn));
    return { deleted, position: again ? JSON.stringify({ kind: "from" }) : position && JSON.stringify(position) };
  }

  async dropTombstones({ now, rowsMax }: { readonly now: string; readonly rowsMax: number }): Promise<number> {
    return this.#database.transaction((tx) =>
      tx.run(
        `DELETE FROM tombstones WHERE hash IN (
           SELECT hash FROM tombstones WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)`,
        [now, rowsMax],
      ),
    );
  }

  /** Autovacuum makes room for new messages where deleted ones lay, and gives back what is free at the end of a file. */
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

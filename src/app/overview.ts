import type { Alerts } from "../alerts/alerts.ts";
import { shownAlerts } from "../alerts/shown-alerts.ts";
import type { Config } from "../config.ts";
import type { Clock } from "../domain/clock.ts";
import { Overloaded } from "../domain/errors.ts";
import type { ReadMode } from "../http/auth.ts";
import type { Readiness } from "../http/readiness.ts";
import type { Overview } from "../http/routes/overview.ts";
import {
  OVERVIEW_METRICS,
  type OverviewFigures,
  overviewFigures,
} from "../observe/overview-figures.ts";
import { isPostgres } from "../store/open.ts";
import type { Store } from "../store/store.ts";
import { type StartUp, VERSION } from "./start-up.ts";
import { TimedRead } from "./timed-read.ts";

/** A database that hangs must not delay the page that says so. */
const DATABASE_MS_MAX = 500;
/** Asked before the rows, so both together take less than the figures. */
const VERSION_MS_MAX = 200;
/** Longer than the supervisor gives a worker. */
const FIGURES_MS_MAX = 800;
/** As readiness says of a database that does not answer. */
const NOT_READY = "database not ready";

export interface OverviewParts {
  readonly store: Store;
  readonly readiness: Pick<Readiness, "problem">;
  readonly alerts: Pick<Alerts, "votes">;
  readonly readMode: () => ReadMode;
  /** When this process was started, by the wall clock. */
  readonly startedMs: number;
}

/**
 * Makes the overview of the service. That takes less than a second, whatever the database does.
 * Counts and queues are those of all workers. The rest is read by the process that answers.
 */
export function createOverview(start: StartUp, parts: OverviewParts): () => Promise<Overview> {
  const { config, runtime, part } = start;
  const { clock } = runtime;
  const { readiness, alerts, readMode } = parts;
  const problem = new TimedRead(clock, DATABASE_MS_MAX, () => readiness.problem());
  const figures = new TimedRead(clock, FIGURES_MS_MAX, figuresOf(start));
  const database = new DatabaseFigures(clock, config, parts.store);
  const startedAt = new Date(part?.startedMs ?? parts.startedMs).toISOString();
  return async () => {
    // The database first: its version is only told while no other read is under way.
    const [stored, found = NOT_READY] = await Promise.all([
      database.read(),
      problem.get(),
      figures.get(),
    ]);
    // A worker that hangs for a moment does not take the figures away: the last ones are shown.
    if (figures.latest === undefined) throw new Overloaded("the figures took too long");
    const { votes, ...shown } = stored;
    return {
      at: new Date(clock.now()).toISOString(),
      version: VERSION,
      startedAt,
      ready: found === null,
      problem: found,
      read: readMode(),
      ...figures.latest,
      ...shown,
      alerts: shownAlerts([...alerts.votes, ...votes]),
    };
  };
}

/** The figures of this process, or of all workers. */
function figuresOf({ part, runtime: { metrics } }: StartUp): () => Promise<OverviewFigures> {
  if (part !== undefined) return part.figuresOfAll;
  return async () => overviewFigures([await metrics.samplesOf(OVERVIEW_METRICS)]);
}

type Sweep = NonNullable<Awaited<ReturnType<Store["retention"]["lastSweep"]>>>;

/** What the overview reads from the tables. Undefined is what could not be read in time. */
interface Rows {
  readonly version: string | undefined;
  /** Null when there was none. */
  readonly sweep: Sweep | null | undefined;
  readonly votes: Awaited<ReturnType<Store["alerts"]["votes"]>> | undefined;
}

/** What the database knows. Of a database that does not answer, nothing is known. */
class DatabaseFigures {
  readonly #config: Config;
  readonly #version: TimedRead<string | undefined>;
  readonly #lastReceived: TimedRead<string | null>;
  readonly #sweep: TimedRead<Sweep | null>;
  readonly #bytes: TimedRead<number>;
  readonly #disk: TimedRead<Awaited<ReturnType<Store["disk"]>>>;
  readonly #votes: TimedRead<Awaited<ReturnType<Store["alerts"]["votes"]>>>;
  #kept: Rows | undefined;

  constructor(clock: Clock, config: Config, store: Store) {
    const timed = <T>(read: () => Promise<T>) => new TimedRead(clock, DATABASE_MS_MAX, read);
    this.#config = config;
    this.#version = new TimedRead(clock, VERSION_MS_MAX, () => store.dataVersion());
    this.#lastReceived = timed(() => store.lastReceivedAt());
    this.#sweep = timed(async () => (await store.retention.lastSweep()) ?? null);
    this.#bytes = timed(() => store.sizeBytes());
    this.#disk = timed(() => store.disk());
    this.#votes = timed(() => store.alerts.votes(clock.now()));
  }

  async read() {
    const { retentionDays, databaseUrl } = this.#config;
    const [{ sweep, votes }, bytes, disk] = await Promise.all([
      this.#rows(),
      this.#bytes.get(),
      this.#disk.get(),
    ]);
    // The first record is made at a start, without a sweep, and nothing was scanned for it.
    const hasRun = typeof sweep?.fullScanAt === "string";
    return {
      // It stays true while the database is unavailable.
      lastReceivedAt: this.#lastReceived.latest ?? null,
      retention: { days: retentionDays ?? null, lastRunAt: hasRun ? sweep.at : null },
      database: {
        engine: isPostgres(databaseUrl) ? ("postgres" as const) : ("sqlite" as const),
        // A database on a server that never answered has no known size.
        sizeBytes: bytes || null,
        diskFreeBytes: disk?.freeBytes ?? null,
        diskSizeBytes: disk?.sizeBytes ?? null,
      },
      votes: votes ?? [],
    };
  }

  /**
   * The rows are read again when a process has written since, or when the database cannot tell. In
   * between an open page costs one question instead of three.
   */
  async #rows(): Promise<Rows> {
    const version = await this.#version.get();
    if (version !== undefined && version === this.#kept?.version) return this.#kept;
    const [sweep, votes, lastReceived] = await Promise.all([
      this.#sweep.get(),
      this.#votes.get(),
      this.#lastReceived.get(),
    ]);
    const rows = { version, sweep, votes };
    // A vote expires without a write. What was not read in time is read again.
    const mayBeKept =
      sweep !== undefined &&
      lastReceived !== undefined &&
      votes !== undefined &&
      votes.length === 0;
    this.#kept = mayBeKept ? rows : undefined;
    return rows;
  }
}

import type { Clock } from "../../src/domain/clock.ts";
import { StoreUnavailable } from "../../src/domain/errors.ts";
import type {
  DeletedStep,
  ExpiryStep,
  RetentionStore,
  RetentionSweep,
} from "../../src/store/retention.ts";
import type { Random } from "../support/random.ts";
import type { Promises } from "./history.ts";
import type { SimulatedClock } from "./simulated-clock.ts";

export const DAY_MS = 86_400_000;
/** As `src/retention/guard.ts`. */
const CLOCK_DAYS_MAX = 7;
const NEARLY_ALL_SHARE = 0.9;
const ROWS_MAX = 5_000;
const PAUSE_SHARE = 0.5;
const SLACK_MS = 0.001;
const ROWS_PER_STEP = 20;
const STEP_MS_MAX = 300;
const SLOW_MS_MAX = 200_000;
const DROPPED_PER_STEP = 10;
const JUMPS_DURING_CALLS = 0.02;

export interface RetentionRules {
  readonly days: number;
  readonly tombstoneDays: number;
}

/** The messages of one database, and what its processes may do with them. */
export class RetentionModel {
  readonly clock: SimulatedClock;
  readonly random: Random;
  readonly promises: Promises;
  readonly rules: RetentionRules;
  /** When each message was received, in the order in which they were stored. */
  rows: (number | undefined)[] = [];
  tombstonesUntilMs: number[] = [];
  last: RetentionSweep | undefined;
  lease = { holder: "", untilMs: 0 };
  failures = 0;
  deleted = 0;

  constructor(clock: SimulatedClock, random: Random, promises: Promises, rules: RetentionRules) {
    this.clock = clock;
    this.random = random;
    this.promises = promises;
    this.rules = rules;
  }

  get total(): number {
    return this.rows.filter((row) => row !== undefined).length;
  }

  /** Whether a message was received before a moment and is in the range of a scan. */
  isOld(receivedMs: number | undefined, before: string): boolean {
    return receivedMs !== undefined && receivedMs < Date.parse(before);
  }

  /** The end of a scan: everywhere, or up to the first message that is young enough. */
  endOf({ everywhere, receivedBefore }: Pick<ExpiryStep, "everywhere" | "receivedBefore">): number {
    if (everywhere) return this.rows.length;
    const end = this.rows.findIndex((row) => row !== undefined && !this.isOld(row, receivedBefore));
    return end === -1 ? this.rows.length : end;
  }
}

/** The store as one process sees it. Each call takes time, and may fail before or after it. */
export class ProcessRetention implements RetentionStore {
  readonly #model: RetentionModel;
  /** The wall clock of the process. */
  readonly #wall: Clock;
  readonly #holder: () => string;
  /** What the process knew when its sweep began. */
  #known: RetentionSweep | undefined;
  #hasDeleted = false;
  #step: { readonly kind: string; readonly endMs: number; readonly tookMs: number } | undefined;
  /** Whether the wall clock of the process ever jumped. */
  hasJumped = false;
  /** Moves the wall clock of the process while a call is under way. */
  jumpDuringCall = () => {};
  isStopping = false;
  hasStopped = false;

  constructor(model: RetentionModel, wall: Clock, holder: () => string) {
    this.#model = model;
    this.#wall = wall;
    this.#holder = holder;
  }

  async expire(step: ExpiryStep): Promise<DeletedStep> {
    const { promises } = this.#model;
    promises.expect(step.rowsMax <= ROWS_MAX, "a step is too large");
    if (!step.dryRun) this.#checkDeletion(step);
    return this.#paced(step.dryRun ? "count" : "expire", () => {
      const { rows } = this.#model;
      const from = Number(step.position ?? 0);
      const end = Math.min(from + ROWS_PER_STEP, this.#model.endOf(step));
      let deleted = 0;
      for (let at = from; at < end; at++) {
        if (!this.#model.isOld(rows[at], step.receivedBefore)) continue;
        deleted++;
        if (step.dryRun) continue;
        rows[at] = undefined;
        this.#model.deleted++;
        this.#model.tombstonesUntilMs.push(Date.parse(step.tombstonesUntil));
      }
      const position = end < this.#model.endOf(step) ? String(end) : undefined;
      return { result: { deleted, position }, more: position !== undefined };
    });
  }

  async dropTombstones({ now }: { readonly now: string }): Promise<number> {
    return this.#paced("tombstones", () => {
      const ended = (untilMs: number) => untilMs <= Date.parse(now);
      const dropped = this.#model.tombstonesUntilMs.filter(ended).slice(0, DROPPED_PER_STEP);
      for (const untilMs of dropped)
        this.#model.tombstonesUntilMs.splice(this.#model.tombstonesUntilMs.indexOf(untilMs), 1);
      if (dropped.length > 0) this.#checkMoment(Date.parse(now), "tombstones are dropped");
      return { result: dropped.length, more: dropped.length > 0 };
    });
  }

  async reclaimSpace(): Promise<number> {
    return this.#paced("space", () => {
      const bytes = this.#model.random.chance(0.3) ? 4_096 : 0;
      return { result: bytes, more: bytes > 0 };
    });
  }

  async lastSweep(): Promise<RetentionSweep | undefined> {
    this.#hasDeleted = false;
    this.#step = undefined;
    return this.#work(() => {
      this.#known = this.#model.last;
      return this.#known;
    });
  }

  async recordSweep(sweep: RetentionSweep): Promise<void> {
    const { rows, promises } = this.#model;
    const before = sweep.receivedBefore ?? "";
    const everywhere = sweep.fullScanAt === sweep.at;
    const end = this.#model.endOf({ everywhere, receivedBefore: before });
    const isDone = !rows.slice(0, end).some((row) => this.#model.isOld(row, before));
    promises.expect(isDone, "a sweep is recorded that has left old messages");
    promises.expect(!this.isStopping, "a sweep is recorded after the stop");
    await this.#work(() => {
      this.#model.last = sweep;
    });
  }

  async seedLastSweep(): Promise<void> {
    await this.#work(() => {
      const newest = this.#model.rows.findLast((row) => row !== undefined);
      if (this.#model.last !== undefined || newest === undefined) return;
      const at = new Date(newest).toISOString();
      this.#model.last = { at, receivedBefore: null, fullScanAt: null };
    });
  }

  async hasEndedTombstones(now: string): Promise<boolean> {
    return this.#work(() => this.#model.tombstonesUntilMs.some((ms) => ms <= Date.parse(now)));
  }

  async holdLease(holder: string, seconds: number): Promise<boolean> {
    return this.#work(() => {
      const nowMs = this.#model.clock.monotonic();
      const { lease } = this.#model;
      if (lease.holder !== holder && lease.untilMs > nowMs) return false;
      this.#model.lease = { holder, untilMs: nowMs + seconds * 1_000 };
      return true;
    });
  }

  erase(): never {
    throw new Error("a sweeper erases no one");
  }

  scrub(): never {
    throw new Error("a sweeper erases no one");
  }

  total(): Promise<number> {
    return this.#work(() => this.#model.total);
  }

  /** What every deletion of old messages must observe. */
  #checkDeletion(step: ExpiryStep): void {
    const { promises, lease, clock, rules, rows } = this.#model;
    const cutoffMs = Date.parse(step.receivedBefore);
    const isHeld = lease.holder === this.#holder() && lease.untilMs > clock.monotonic();
    promises.expect(isHeld, "a process deletes messages without the lease");
    this.#checkMoment(cutoffMs + rules.days * DAY_MS, "messages are deleted");
    const untilMs = Date.parse(step.tombstonesUntil) - rules.tombstoneDays * DAY_MS;
    this.#checkMoment(untilMs, "tombstones are written");
    if (this.#hasDeleted) return;
    this.#hasDeleted = true;
    const advancedMs = cutoffMs - Date.parse(this.#known?.receivedBefore ?? "");
    const end = this.#model.endOf(step);
    const old = rows.slice(0, end).filter((row) => this.#model.isOld(row, step.receivedBefore));
    promises.expect(
      advancedMs <= DAY_MS || old.length <= this.#model.total * NEARLY_ALL_SHARE + 1,
      "nearly all messages are deleted",
    );
  }

  /** A moment may not be far from the last sweep, and not ahead of a clock that never jumped. */
  #checkMoment(momentMs: number, what: string): void {
    const { promises } = this.#model;
    const aheadMs = momentMs - Date.parse(this.#known?.at ?? "");
    // A sweep may take minutes, and it begins a moment after the check.
    const slackMs = DAY_MS / 24;
    promises.expect(
      this.#known === undefined || Math.abs(aheadMs) <= CLOCK_DAYS_MAX * DAY_MS + slackMs,
      `${what} by a clock that is far from the last sweep`,
    );
    const isPast = momentMs <= this.#wall.now();
    promises.expect(isPast || this.hasJumped, `${what} ahead of the clock`);
  }

  /** A step of a sweep. The next step of its kind must leave the database to others for a while. */
  async #paced<T>(
    kind: string,
    work: () => { readonly result: T; readonly more: boolean },
  ): Promise<T> {
    const { clock, promises } = this.#model;
    const startMs = clock.monotonic();
    const before = this.#step;
    if (before !== undefined && before.kind === kind && !this.isStopping) {
      const pausedMs = startMs - before.endMs;
      promises.expect(pausedMs >= before.tookMs * PAUSE_SHARE - SLACK_MS, "a sweep has no pause");
    }
    const { result, more } = await this.#work(work);
    const endMs = clock.monotonic();
    this.#step = more ? { kind, endMs, tookMs: endMs - startMs } : undefined;
    return result;
  }

  async #work<T>(work: () => T): Promise<T> {
    const { clock, random, promises, failures } = this.#model;
    promises.expect(!this.isStopping, "a step begins after the stop");
    const isSlow = random.chance(0.02);
    await clock.sleep(random.between(0, isSlow ? SLOW_MS_MAX : STEP_MS_MAX));
    if (random.chance(JUMPS_DURING_CALLS)) this.jumpDuringCall();
    if (random.chance(failures)) throw new StoreUnavailable("simulated");
    const result = work();
    if (random.chance(failures)) throw new StoreUnavailable("simulated");
    return result;
  }
}

import { NO_LOG } from "../../src/observe/log.ts";
import { createMetrics } from "../../src/observe/metrics.ts";
import { Sweeper } from "../../src/retention/sweeper.ts";
import type { RefusalReason } from "../../src/runtime.ts";
import type { Random } from "../support/random.ts";
import { type History, Promises } from "./history.ts";
import { SimulatedClock, settled, skewed } from "./simulated-clock.ts";
import { DAY_MS, ProcessRetention, RetentionModel } from "./simulated-retention.ts";

const metrics = createMetrics({ version: "simulation", node: "simulation" });
const HOUR_MS = 3_600_000;
const STEPS_MAX = 12;
const ROWS_MAX = 60;
/** Wrong clocks: a time zone, a little less and a little more than the guard allows, and a year. */
const JUMPS_MS = [HOUR_MS, -6 * HOUR_MS, 6 * DAY_MS, -6 * DAY_MS, 8 * DAY_MS, -30 * DAY_MS].concat(
  400 * DAY_MS,
);
/** The longest step under way. */
const STOP_MS_MAX = 210_000;
/** The hours after which a full scan must have come. */
const LAST_HOURS = 27;

interface SweepingProcess {
  readonly sweeper: Sweeper;
  readonly retention: ProcessRetention;
  readonly jump: (ms: number) => void;
  readonly resetClock: () => void;
  readonly refused: ReadonlySet<RefusalReason>;
}

/** Two processes that sweep one database, with wall clocks that jump. */
class Sweeping {
  readonly promises = new Promises();
  readonly #random: Random;
  readonly #clock = new SimulatedClock();
  readonly #model: RetentionModel;
  readonly #processes: SweepingProcess[];
  #started = 0;
  /** Whether the messages were stored in the order in which they were received. */
  #isInOrder = true;
  /** Whether wall clocks jump in the middle of sweeps too. */
  readonly #isJumpy: boolean;

  constructor(random: Random) {
    this.#random = random;
    this.#isJumpy = random.chance(0.3);
    const rules = { days: random.of([2, 10, 90]), tombstoneDays: random.of([1, 8, 30]) };
    this.#model = new RetentionModel(this.#clock, random, this.promises, rules);
    this.#model.failures = random.of([0, 0, 0.02]);
    this.#fill(random.between(0, ROWS_MAX), random.of([0.5, 1.1, 2]));
    this.#processes = [this.#start(), this.#start()];
  }

  async run(): Promise<History> {
    const steps = this.#random.between(2, STEPS_MAX);
    for (let step = 0; step < steps; step++) await this.#step();
    await this.#end();
    const { deleted } = this.#model;
    return {
      counts: { events: steps, processes: this.#started, deleted },
      broken: this.promises.broken,
    };
  }

  /** Messages with ages up to a multiple of the limit, mostly the oldest first. */
  #fill(count: number, spans: number): void {
    const spanMs = spans * this.#model.rules.days * DAY_MS;
    const ages = Array.from({ length: count }, () => this.#random.next() * spanMs);
    ages.sort((a, b) => b - a);
    this.#isInOrder = this.#random.chance(0.7);
    if (!this.#isInOrder) ages.unshift(...ages.splice(Math.floor(count / 2)));
    const nowMs = this.#clock.now();
    for (const ageMs of ages) this.#model.rows.push(Math.floor(nowMs - ageMs));
  }

  #start(): SweepingProcess {
    const holder = `process ${++this.#started}`;
    let wrongMs = this.#random.chance(0.1) ? this.#random.of(JUMPS_MS) : 0;
    const clock = skewed(this.#clock, () => wrongMs);
    const retention = new ProcessRetention(this.#model, clock, () => holder);
    const refused = new Set<RefusalReason>();
    const set = ({ reason }: { readonly reason: RefusalReason }, value: number) =>
      void (value === 1 ? refused.add(reason) : refused.delete(reason));
    const runtime = {
      clock,
      log: NO_LOG,
      metrics: { ...metrics, retentionRefused: { set } },
      newId: () => holder,
    };
    const sweeper = new Sweeper(runtime, {
      store: retention,
      audit: { add: async () => undefined, newest: async () => [] },
      total: () => retention.total(),
      ...this.#model.rules,
    });
    const jump = (ms: number) => {
      wrongMs += ms;
      retention.hasJumped = true;
    };
    if (this.#isJumpy) retention.jumpDuringCall = () => jump(this.#random.of(JUMPS_MS));
    return { sweeper, retention, refused, jump, resetClock: () => jump(-wrongMs) };
  }

  async #step(): Promise<void> {
    const at = this.#random.between(0, this.#processes.length - 1);
    const process = this.#processes[at] as SweepingProcess;
    const chance = this.#random.next();
    if (chance < 0.15) process.jump(this.#random.of(JUMPS_MS));
    else if (chance < 0.25) process.resetClock();
    else if (chance < 0.35) this.#processes[at] = await this.#restarted(process);
    else if (chance < 0.4) this.#model.rows.push(Math.floor(this.#clock.now()));
    // A short span ends in the middle of a sweep, which begins a minute after the start.
    const span = this.#random.next();
    if (span < 0.3) await this.#clock.advance(60_000 - (this.#clock.monotonic() % 60_000));
    else if (span < 0.6) await this.#clock.advance(this.#random.between(1, 2_000));
    else await this.#clock.advance(this.#random.between(1, 5) * HOUR_MS);
  }

  async #restarted(process: SweepingProcess): Promise<SweepingProcess> {
    await this.#stop(process);
    return this.#start();
  }

  async #stop({ sweeper, retention }: SweepingProcess): Promise<void> {
    retention.isStopping = true;
    const startMs = this.#clock.monotonic();
    void sweeper.stop().then(() => {
      retention.hasStopped = true;
    });
    await settled();
    while (!retention.hasStopped && this.#clock.monotonic() - startMs < STOP_MS_MAX)
      await this.#clock.advanceToNext(1_000);
    this.promises.expect(retention.hasStopped, "a sweeper does not stop after its step");
  }

  /** With right clocks and a working store, old messages are deleted within hours. */
  async #end(): Promise<void> {
    this.#model.failures = 0;
    for (const process of this.#processes) {
      process.retention.jumpDuringCall = () => {};
      process.resetClock();
    }
    await this.#clock.advance((this.#isInOrder ? 3 : LAST_HOURS) * HOUR_MS);
    const isRefused = this.#processes.some(({ refused }) => refused.size > 0);
    // Messages out of order are found by the full scan, once a day.
    const lateMs = (this.#isInOrder ? 2 : LAST_HOURS - 1) * HOUR_MS;
    const limitMs = this.#clock.now() - this.#model.rules.days * DAY_MS - lateMs;
    const before = new Date(limitMs).toISOString();
    const isEmpty = !this.#model.rows.some((row) => this.#model.isOld(row, before));
    this.promises.expect(isEmpty || isRefused, "old messages stay");
    for (const process of this.#processes) await this.#stop(process);
  }
}

export async function retention(random: Random): Promise<History> {
  return new Sweeping(random).run();
}

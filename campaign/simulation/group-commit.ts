import { StoreUnavailable } from "../../src/domain/errors.ts";
import type { NewMessage } from "../../src/domain/message.ts";
import { GroupCommit } from "../../src/ingest/group-commit.ts";
import { createMetrics } from "../../src/observe/metrics.ts";
import type { InsertOutcome } from "../../src/store/store.ts";
import type { Random } from "../support/random.ts";
import { CommitModel } from "./commit-model.ts";
import { type History, Promises } from "./history.ts";
import { SimulatedClock, settled } from "./simulated-clock.ts";

const metrics = createMetrics({ version: "simulation", node: "simulation" });
const STEPS_MAX = 50;
/** Enough for the longest queue, even if each of its rows is tried alone. */
const LAST_STEPS_MAX = 20_000;
const MIB = 1_024 * 1_024;

/** How the store of a history behaves. */
interface Disk {
  readonly msMax: number;
  readonly failures: number;
  readonly badRows: number;
}

const DISKS: readonly Disk[] = [
  { msMax: 5, failures: 0, badRows: 0 },
  { msMax: 5, failures: 0.2, badRows: 0.05 },
  { msMax: 200, failures: 0, badRows: 0 },
  { msMax: 200, failures: 0.1, badRows: 0.02 },
];

/** A call of the store that is not answered yet. */
interface Call {
  readonly rows: readonly NewMessage[];
  readonly resolve: (outcomes: readonly InsertOutcome[]) => void;
  readonly reject: (error: Error) => void;
}

/** One group commit, its callers and its store. */
class Committing {
  readonly promises = new Promises();
  readonly #random: Random;
  readonly #disk: Disk;
  readonly #clock = new SimulatedClock();
  readonly #model = new CommitModel(this.promises);
  readonly #group: GroupCommit;
  readonly #turns: (() => void)[] = [];
  #call: Call | undefined;
  #stopping = false;
  #hasStopped = false;
  #transactions = 0;

  constructor(random: Random) {
    this.#random = random;
    this.#disk = random.of(DISKS);
    const store = { insertMessages: (rows: readonly NewMessage[]) => this.#insertMessages(rows) };
    const nextTurn = (resume: () => void) => void this.#turns.push(resume);
    this.#group = new GroupCommit({ clock: this.#clock, metrics }, { store, nextTurn });
  }

  async run(): Promise<History> {
    const steps = this.#random.between(5, STEPS_MAX);
    for (let step = 0; step < steps; step++) {
      await this.#step();
      await settled();
      this.#look();
    }
    await this.#end();
    const { inserts } = this.#model;
    return {
      counts: { events: steps, inserts, transactions: this.#transactions },
      broken: this.promises.broken,
    };
  }

  /** One event. Which of those that are possible comes next is chance. */
  async #step(): Promise<void> {
    const chance = this.#random.next();
    if (chance < 0.45) return this.#arrive();
    if (chance < 0.65 && this.#call !== undefined) return this.#answer(this.#disk.failures);
    if (chance < 0.8 && this.#turns.length > 0) return this.#turns.shift()?.();
    if (chance > 0.99 && !this.#stopping) return this.#stop();
    await this.#clock.advance(this.#random.between(0, this.#disk.msMax));
  }

  /** Some messages arrive at once. Rarely they are more than the queue holds. */
  #arrive(): void {
    const chance = this.#random.next();
    const rows = chance < 0.0003 ? 10_100 : chance < 0.002 ? 700 : this.#random.between(1, 9);
    const isLong = this.#random.chance(0.03);
    for (let row = 0; row < rows; row++) {
      const bytes = isLong ? this.#random.between(1, 9 * MIB) : this.#random.between(1, 900);
      this.#insert(bytes);
    }
  }

  #insert(bytes: number): void {
    const bad = this.#random.chance(this.#disk.badRows);
    const insert = this.#model.arrives(bytes, this.#clock.monotonic(), this.#random, bad);
    this.#group.insert(insert.row, bytes).then(
      (outcome) => this.#model.answered(insert, outcome),
      (error) => this.#model.refused(insert, error),
    );
  }

  #insertMessages(rows: readonly NewMessage[]): Promise<readonly InsertOutcome[]> {
    this.promises.expect(this.#call === undefined, "two transactions run at the same time");
    this.#model.called(rows);
    this.#transactions++;
    return new Promise((resolve, reject) => {
      this.#call = { rows, resolve, reject };
    });
  }

  /** The store answers: it stored the rows, or failed before or after it did. */
  #answer(failures: number): void {
    const call = this.#call;
    if (call === undefined) return;
    this.#call = undefined;
    if (this.#random.chance(failures)) {
      this.#model.failed(call.rows, { stored: this.#random.chance(0.5) });
      call.reject(new StoreUnavailable("simulated"));
    } else if (this.#model.isBad(call.rows)) {
      call.reject(this.#model.rejected(call.rows));
    } else {
      call.resolve(this.#model.committed(call.rows));
    }
  }

  #stop(): void {
    this.#stopping = true;
    this.#model.stops();
    void this.#group.stop().then(() => {
      this.#hasStopped = true;
    });
  }

  /** What must hold whenever the code waits. */
  #look(): void {
    const { promises } = this;
    const { waiting, waitingBytes, isAnswered, oldestMs } = this.#model;
    promises.expect(this.#group.queueRows() === waiting.length, "the queue has another length");
    promises.expect(this.#group.queueBytes() === waitingBytes, "the queue has other bytes");
    if (this.#hasStopped) promises.expect(isAnswered, "it stopped before it answered everything");
    const ageMs = oldestMs === undefined ? 0 : this.#clock.monotonic() - oldestMs;
    promises.expect(this.#group.oldestAgeMs() === ageMs, "the oldest message has another age");
  }

  /** From now on the store works, and everything must be answered. */
  async #end(): Promise<void> {
    const stops = this.#random.chance(0.5);
    if (stops && !this.#stopping) this.#stop();
    for (let step = 0; step < LAST_STEPS_MAX && !this.#model.isAnswered; step++) {
      if (this.#call !== undefined) this.#answer(0);
      else if (this.#turns.length > 0) this.#turns.shift()?.();
      else if (this.#clock.isAwaited) await this.#clock.advanceToNext(1_000);
      else break;
      await settled();
      this.#look();
    }
    await settled();
    this.promises.expect(this.#model.isAnswered, "an insert is never answered");
    if (stops) this.promises.expect(this.#hasStopped, "the stop never ends");
    this.promises.expect(this.#group.queueDelayMs() === 0, "an empty queue has a delay");
  }
}

/** See {@link CommitModel} for the promises. */
export async function groupCommit(random: Random): Promise<History> {
  return new Committing(random).run();
}

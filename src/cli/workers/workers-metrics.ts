import { type Clock, within } from "../../domain/clock.ts";
import type { Samples, ServiceMetrics } from "../../observe/metrics.ts";
import {
  OVERVIEW_METRICS,
  type OverviewFigures,
  overviewFigures,
} from "../../observe/overview-figures.ts";
import { renderSum, sumOfCounts } from "../../observe/sum-of-metrics.ts";
import { SharedRun } from "./shared-run.ts";

const ANSWER_MS_MAX = 1_000;
/** These figures are in memory, so a worker that takes longer is too busy to answer. */
const FIGURES_MS_MAX = 500;

/** The metrics of a worker. */
export interface Counting {
  readonly counts: Samples;
  listens(): boolean;
  samples(): Promise<Samples | undefined>;
  samplesOf(names: readonly string[]): Promise<Samples | undefined>;
}

export interface WorkersMetricsOptions {
  /** The supervisor's own metrics, which define the order of all. */
  readonly own: Pick<ServiceMetrics, "samples" | "samplesOf">;
  readonly workers: () => readonly Counting[];
}

/**
 * The metrics of all workers as those of one service. Counters never go down, because the counts of
 * an ended worker are kept.
 */
export class WorkersMetrics {
  readonly #clock: Clock;
  readonly #options: WorkersMetricsOptions;
  readonly #sum = new SharedRun(() => this.#renderSum());
  readonly #figures = new SharedRun(() => this.#sumFigures());
  #kept: Promise<Samples> = Promise.resolve([]);

  constructor(clock: Clock, options: WorkersMetricsOptions) {
    this.#clock = clock;
    this.#options = options;
  }

  render(): Promise<string> {
    return this.#sum.get();
  }

  /** The figures of the overview. */
  figures(): Promise<OverviewFigures> {
    return this.#figures.get();
  }

  /** Must be called when a worker is removed from the list of workers. */
  keep(counts: Samples): void {
    this.#kept = this.#kept.then((kept) => sumOfCounts([kept, counts]));
  }

  async #renderSum(): Promise<string> {
    // Everything is read in one turn. Otherwise a worker that ends now would be counted twice or
    // not at all.
    const all = [
      this.#options.own.samples(),
      this.#kept,
      ...this.#options
        .workers()
        .map((one) => this.#answerOf(one, ANSWER_MS_MAX, () => one.samples())),
    ];
    return renderSum(await Promise.all(all));
  }

  async #sumFigures(): Promise<OverviewFigures> {
    // In one turn, too.
    const all = [
      this.#options.own.samplesOf(OVERVIEW_METRICS),
      this.#kept,
      ...this.#options
        .workers()
        .map((one) => this.#answerOf(one, FIGURES_MS_MAX, () => one.samplesOf(OVERVIEW_METRICS))),
    ];
    return overviewFigures(await Promise.all(all));
  }

  /**
   * The earlier counts of a worker that does not answer: a counter that goes down looks like a
   * restart.
   */
  async #answerOf(
    worker: Counting,
    msMax: number,
    ask: () => Promise<Samples | undefined>,
  ): Promise<Samples> {
    if (!worker.listens()) return worker.counts;
    return (await within(this.#clock, msMax, ask())) ?? worker.counts;
  }
}

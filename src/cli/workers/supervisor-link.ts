import cluster from "node:cluster";
import { type Clock, within } from "../../domain/clock.ts";
import { Overloaded } from "../../domain/errors.ts";
import type { OverviewFigures } from "../../observe/overview-figures.ts";
import type { Order, Report } from "./messages.ts";
import { SharedRun } from "./shared-run.ts";

/**
 * The supervisor may have to finish one sum before it starts the next. In each it gives every
 * worker a second.
 */
const METRICS_MS_MAX = 3_000;
/** The same for the figures of the overview, for which a worker has half a second. */
const FIGURES_MS_MAX = 2_000;

export type ServeOrder = Extract<Order, { kind: "serve" }>;
export type SampleOrder = Extract<Order, { kind: "sample" | "sample_some" }>;

/** The channel of a worker to its supervisor. */
export class SupervisorLink {
  /** The order to serve. */
  readonly serve: Promise<ServeOrder>;
  /** Resolves when the worker must end: the supervisor ordered it, or has ended itself. */
  readonly close: Promise<void>;
  readonly #clock: Clock;
  readonly #metrics = new SharedRun(() => this.#ask<string>("scraped", METRICS_MS_MAX));
  readonly #figures = new SharedRun(() =>
    this.#ask<OverviewFigures>("overview_asked", FIGURES_MS_MAX),
  );
  #asked = 0;
  /** The questions that are not answered yet, by their id: at most one of each kind. */
  readonly #waiting = new Map<number, (answer: never) => void>();
  #sample: (order: SampleOrder) => void = () => undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
    const serve = Promise.withResolvers<ServeOrder>();
    const close = Promise.withResolvers<void>();
    this.serve = serve.promise;
    this.close = close.promise;
    process.on("message", (order: Order) => {
      if (order.kind === "serve") serve.resolve(order);
      else if (order.kind === "close") close.resolve();
      else if (order.kind === "metrics") this.#waiting.get(order.id)?.(order.text as never);
      else if (order.kind === "figures") this.#waiting.get(order.id)?.(order.figures as never);
      else this.#sample(order);
    });
    cluster.worker?.on("disconnect", () => {
      // Node would end the process at once, with its requests under way.
      if (cluster.worker) cluster.worker.exitedAfterDisconnect = true;
      close.resolve();
    });
  }

  /** Resolves when the message is sent, or cannot be sent. */
  send(report: Report): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    if (process.connected) process.send?.(report, undefined, undefined, () => resolve());
    else resolve();
    return promise;
  }

  /** `sample` is called when the supervisor asks for samples. */
  answerWith(sample: (order: SampleOrder) => void): void {
    this.#sample = sample;
  }

  /** The metrics of all workers. Rejects with `Overloaded` when the supervisor does not answer. */
  renderAll(): Promise<string> {
    return this.#metrics.get();
  }

  /** The figures of all workers, for the overview. Rejects in the same way. */
  figuresOfAll(): Promise<OverviewFigures> {
    return this.#figures.get();
  }

  async #ask<T>(kind: "scraped" | "overview_asked", msMax: number): Promise<T> {
    const { promise, resolve } = Promise.withResolvers<T>();
    const id = ++this.#asked;
    this.#waiting.set(id, resolve);
    try {
      await this.send({ kind, id });
      const answer = await within(this.#clock, msMax, promise);
      if (answer === undefined) throw new Overloaded("the metrics of all workers took too long");
      return answer;
    } finally {
      this.#waiting.delete(id);
    }
  }
}

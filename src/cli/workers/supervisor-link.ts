import cluster from "node:cluster";
import { type Clock, within } from "../../domain/clock.ts";
import { Overloaded } from "../../domain/errors.ts";
import type { Order, Report } from "./messages.ts";
import { SharedRun } from "./shared-run.ts";

/**
 * The supervisor may have to finish one sum before it starts the next. In each it gives every
 * worker a second.
 */
const METRICS_MS_MAX = 3_000;

export type ServeOrder = Extract<Order, { kind: "serve" }>;

/** The channel of a worker to its supervisor. */
export class SupervisorLink {
  /** The order to serve. */
  readonly serve: Promise<ServeOrder>;
  /** Resolves when the worker must end: the supervisor ordered it, or has ended itself. */
  readonly close: Promise<void>;
  readonly #clock: Clock;
  readonly #metrics = new SharedRun(() => this.#askForMetrics());
  #asked = 0;
  #answered: (text: string) => void = () => undefined;
  #sample: (id: number) => void = () => undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
    const serve = Promise.withResolvers<ServeOrder>();
    const close = Promise.withResolvers<void>();
    this.serve = serve.promise;
    this.close = close.promise;
    process.on("message", (order: Order) => {
      if (order.kind === "serve") serve.resolve(order);
      else if (order.kind === "close") close.resolve();
      else if (order.kind === "sample") this.#sample(order.id);
      else if (order.id === this.#asked) this.#answered(order.text);
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
  answerWith(sample: (id: number) => void): void {
    this.#sample = sample;
  }

  /** The metrics of all workers. Rejects with `Overloaded` when the supervisor does not answer. */
  renderAll(): Promise<string> {
    return this.#metrics.get();
  }

  async #askForMetrics(): Promise<string> {
    const { promise, resolve } = Promise.withResolvers<string>();
    this.#answered = resolve;
    await this.send({ kind: "scraped", id: ++this.#asked });
    const text = await within(this.#clock, METRICS_MS_MAX, promise);
    if (text === undefined) throw new Overloaded("the metrics of all workers took too long");
    return text;
  }
}

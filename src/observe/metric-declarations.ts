import { type Aggregator, Counter, Gauge, Histogram, type Registry } from "@prometheus-io/client";
import type { LabelledCounter, LabelledGauge } from "../runtime.ts";

/** The values of each label. */
export type LabelLists = Readonly<Record<string, readonly string[]>>;

/** The labels of one sample. */
type LabelsOf<Lists extends LabelLists> = { readonly [Label in keyof Lists]: Lists[Label][number] };

type Figure = number | undefined;

/** Declares metrics in a registry. They are rendered in the order of their declaration. */
export class MetricDeclarations {
  readonly #registers: Registry[];

  constructor(registry: Registry) {
    this.#registers = [registry];
  }

  counter(name: string, help: string): Counter {
    return new Counter({ name, help, registers: this.#registers });
  }

  /**
   * Every series exists from the start: Prometheus does not count the first error of a counter that
   * begins with it.
   */
  labelledCounter<const Lists extends LabelLists>(
    name: string,
    help: string,
    labels: Lists,
  ): LabelledCounter<LabelsOf<Lists>> {
    const counter = new Counter<string>({
      name,
      help,
      labelNames: Object.keys(labels),
      registers: this.#registers,
    });
    for (const sample of samplesOf(labels)) counter.inc(sample, 0);
    return counter;
  }

  /** `aggregator` says how the values of several processes are combined. */
  gauge(name: string, help: string, aggregator: Aggregator = "sum"): Gauge {
    return new Gauge({ name, help, aggregator, registers: this.#registers });
  }

  /** Every series is 0 at the start. */
  labelledGauge<const Lists extends LabelLists>(
    name: string,
    help: string,
    labels: Lists,
    aggregator: Aggregator = "sum",
  ): LabelledGauge<LabelsOf<Lists>> {
    const labelNames = Object.keys(labels);
    const gauge = new Gauge<string>({
      name,
      help,
      labelNames,
      aggregator,
      registers: this.#registers,
    });
    for (const sample of samplesOf(labels)) gauge.set(sample, 0);
    return gauge;
  }

  histogram<Label extends string = never>(
    name: string,
    help: string,
    buckets: number[],
    labelNames: Label[] = [],
  ): Histogram<Label> {
    return new Histogram({ name, help, buckets, labelNames, registers: this.#registers });
  }

  /**
   * A gauge that is read at each scrape. Undefined leaves it out; after a failed read it keeps its
   * value.
   */
  readGauge(
    name: string,
    help: string,
    read: () => Figure | Promise<Figure>,
    aggregator: Aggregator = "sum",
  ): void {
    new Gauge({
      name,
      help,
      registers: this.#registers,
      aggregator,
      async collect() {
        try {
          const value = await read();
          if (value === undefined) this.remove();
          else this.set(value);
        } catch {
          // A scrape is needed most when the database is unavailable.
        }
      },
    });
  }

  /** A counter that is read at each scrape. */
  readCounter(name: string, help: string, read: () => number): void {
    new Counter({
      name,
      help,
      registers: this.#registers,
      collect() {
        this.reset();
        this.inc(read());
      },
    });
  }

  /** A counter whose values by label are read at each scrape. */
  readLabelledCounter(
    name: string,
    help: string,
    label: string,
    read: () => Iterable<readonly [string, number]>,
  ): void {
    new Counter<string>({
      name,
      help,
      labelNames: [label],
      registers: this.#registers,
      collect() {
        this.reset();
        for (const [value, count] of read()) this.inc({ [label]: value }, count);
      },
    });
  }

  /** A gauge whose values by label are read at each scrape. Undefined leaves a label out. */
  readLabelledGauge(
    name: string,
    help: string,
    label: string,
    read: () => Iterable<readonly [string, Figure]>,
    aggregator: Aggregator,
  ): void {
    new Gauge<string>({
      name,
      help,
      labelNames: [label],
      aggregator,
      registers: this.#registers,
      collect() {
        this.reset();
        for (const [value, figure] of read())
          if (figure !== undefined) this.set({ [label]: value }, figure);
      },
    });
  }
}

/** Every combination of the values of the labels. */
function samplesOf(labels: LabelLists): readonly Record<string, string>[] {
  return Object.entries(labels).reduce<readonly Record<string, string>[]>(
    (samples, [label, values]) =>
      samples.flatMap((sample) => values.map((value) => ({ ...sample, [label]: value }))),
    [{}],
  );
}

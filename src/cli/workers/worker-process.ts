import cluster, { type Worker } from "node:cluster";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import type { ListeningInfo } from "../../app.ts";
import type { Config } from "../../config.ts";
import type { Setting } from "../../domain/setting.ts";
import type { Samples } from "../../observe/metrics.ts";
import type { OverviewFigures } from "../../observe/overview-figures.ts";
import type { Explanation } from "../failures.ts";
import type { Order, Report } from "./messages.ts";
import { WholeLines } from "./whole-lines.ts";

/** The program of a worker, as .ts in the source or as .js when compiled. */
const PROGRAM = fileURLToPath(new URL(`./worker-main${extname(import.meta.url)}`, import.meta.url));
/** One listener for each address of HOST: localhost has two. */
const CONNECTIONS_ON_THEIR_WAY_MAX = 2;

export interface WorkerOptions {
  readonly worker: number;
  readonly startedMs: number;
  readonly config: Config;
  readonly settings: readonly Setting[];
  /** Receives complete lines of the worker's log. */
  readonly log: (lines: string) => void;
  /** Called when the worker asks for the metrics of all. */
  readonly renderAll: () => Promise<string>;
  /** Called when the worker asks for the figures of all. */
  readonly figuresOfAll: () => Promise<OverviewFigures>;
}

/** A question for samples, which the worker has not answered yet. */
interface Question {
  readonly id: number;
  readonly resolve: (samples: Samples) => void;
}

/** How a worker ended. */
export interface WorkerEnd {
  readonly code: number | null;
  readonly signal: string | null;
  /** The worker's own message about why it could not start. */
  readonly explanation: Explanation | undefined;
}

/** One worker process, from its start to its end. */
export class WorkerProcess {
  /** Resolves with the address, or undefined when the worker ended before it listened. */
  readonly listening: Promise<ListeningInfo | undefined>;
  /** Resolves when the worker has ended and all its output has been read. */
  readonly ended: Promise<WorkerEnd>;
  /** The newest counts that the worker has sent. */
  counts: Samples = [];
  readonly #worker: Worker;
  readonly #options: WorkerOptions;
  readonly #lines: WholeLines;
  #asked = 0;
  #sampled: Question | undefined;
  #sampledSome: Question | undefined;
  #listens = false;
  #explanation: Explanation | undefined;

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.#lines = new WholeLines(options.log);
    cluster.setupPrimary({
      exec: PROGRAM,
      args: [],
      stdio: ["ignore", "pipe", "inherit", "ipc"],
      serialization: "advanced",
    });
    this.#worker = cluster.fork();
    // Node may write to a worker that has just ended, and the error would end the supervisor. The
    // end itself is handled below.
    this.#worker.on("error", () => undefined);
    const { process } = this.#worker;
    const closeConnections = rememberConnections(this.#worker);
    process.stdout?.setEncoding("utf8").on("data", (text: string) => this.#lines.push(text));
    this.ended = new Promise((resolve) => {
      process.once("close", (code: number | null, signal: string | null) => {
        this.#listens = false;
        closeConnections();
        this.#lines.end();
        resolve({ code, signal, explanation: this.#explanation });
      });
    });
    const listens = new Promise<ListeningInfo>((resolve) => {
      process.on("message", (report: Report) => this.#receive(report, resolve));
    });
    this.listening = Promise.race([listens, this.ended.then(() => undefined)]);
    const { worker, startedMs, config, settings } = options;
    this.#send({ kind: "serve", worker, startedMs, config, settings });
  }

  get number(): number {
    return this.#options.worker;
  }

  get pid(): number | undefined {
    return this.#worker.process.pid;
  }

  /** Whether the worker accepts requests now. */
  listens(): boolean {
    return this.#listens;
  }

  /** The number of incomplete lines in its log. */
  tornLines(): number {
    return this.#lines.torn();
  }

  /**
   * The current samples, or undefined if the worker ends before it answers. Calls run one at a
   * time.
   */
  samples(): Promise<Samples | undefined> {
    const { promise, resolve } = Promise.withResolvers<Samples>();
    this.#sampled = { id: ++this.#asked, resolve };
    this.#send({ kind: "sample", id: this.#asked });
    return Promise.race([promise, this.ended.then(() => undefined)]);
  }

  /** The same for some metrics only. */
  samplesOf(names: readonly string[]): Promise<Samples | undefined> {
    const { promise, resolve } = Promise.withResolvers<Samples>();
    this.#sampledSome = { id: ++this.#asked, resolve };
    this.#send({ kind: "sample_some", id: this.#asked, names });
    return Promise.race([promise, this.ended.then(() => undefined)]);
  }

  close(): void {
    this.#send({ kind: "close" });
  }

  kill(): void {
    this.#worker.process.kill("SIGKILL");
  }

  #receive(report: Report, listens: (listeningInfo: ListeningInfo) => void): void {
    switch (report.kind) {
      case "listening":
        this.#listens = true;
        listens(report.listeningInfo);
        return;
      case "failed":
        this.#explanation = report.explanation;
        return;
      case "counted":
        this.counts = report.counts;
        return;
      case "sampled":
        this.counts = report.samples.filter(
          ({ type }) => type === "counter" || type === "histogram",
        );
        if (report.id === this.#sampled?.id) this.#sampled.resolve(report.samples);
        return;
      case "sampled_some":
        if (report.id === this.#sampledSome?.id) this.#sampledSome.resolve(report.samples);
        return;
      case "overview_asked":
        this.#options.figuresOfAll().then(
          (figures) => this.#send({ kind: "figures", id: report.id, figures }),
          () => undefined,
        );
        return;
      case "scraped":
        this.#options.renderAll().then(
          (text) => this.#send({ kind: "metrics", id: report.id, text }),
          () => undefined,
        );
    }
  }

  /** A worker that has ended gets no message. Its end is reported separately. */
  #send(order: Order): void {
    if (this.#worker.isConnected()) this.#worker.process.send(order, () => undefined);
  }
}

/**
 * Closes connections that Node lost. Node passes connections to a worker one at a time, and keeps
 * its own copy until the worker confirms it. If the worker ends in between, the copy stays open,
 * and its client waits for ever. Returns a function that closes the copies.
 */
function rememberConnections({ process }: Worker): () => void {
  const last: { readonly close?: () => void }[] = [];
  // Undefined when the process could not be created, for lack of file descriptors.
  const send = process.send as ((...args: readonly unknown[]) => boolean) | undefined;
  process.send = (...args: readonly unknown[]) => {
    const [, handle] = args;
    if (typeof handle === "object" && handle !== null) last.push(handle);
    if (last.length > CONNECTIONS_ON_THEIR_WAY_MAX) last.shift();
    return send?.apply(process, [...args]) ?? false;
  };
  return () => {
    for (const handle of last) handle.close?.();
  };
}

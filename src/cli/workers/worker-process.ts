import cluster, { type Worker } from "node:cluster";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import type { Reach } from "../../app.ts";
import type { Config } from "../../config.ts";
import type { Samples } from "../../observe/metrics.ts";
import type { Complaint } from "../failures.ts";
import type { Order, Report } from "./messages.ts";
import { WholeLines } from "./whole-lines.ts";

/** The program of a worker, beside this file as source or compiled. */
const PROGRAM = fileURLToPath(new URL(`./worker-main${extname(import.meta.url)}`, import.meta.url));
/** One for each address that HOST stands for: localhost has two. */
const CONNECTIONS_ON_THEIR_WAY_MAX = 2;

export interface WorkerOptions {
  readonly worker: number;
  readonly config: Config;
  /** Takes whole lines of its log. */
  readonly log: (lines: string) => void;
  /** It asks for the metrics of all. */
  readonly renderAll: () => Promise<string>;
}

/** How a worker ended. */
export interface WorkerEnd {
  readonly code: number | null;
  readonly signal: string | null;
  /** Why it could not start, in its own words. */
  readonly complaint: Complaint | undefined;
}

/** One worker, from its start to its end, as its supervisor sees it. */
export class WorkerProcess {
  /** Resolves with how it is reached, or undefined when it ended before it listened. */
  readonly listening: Promise<Reach | undefined>;
  /** Resolves when it is gone and everything it wrote has been read. */
  readonly ended: Promise<WorkerEnd>;
  /** The newest counts it is known to have reached. */
  counts: Samples = [];
  readonly #worker: Worker;
  readonly #options: WorkerOptions;
  readonly #lines: WholeLines;
  #asked = 0;
  #sampled: (samples: Samples) => void = () => undefined;
  #listens = false;
  #complaint: Complaint | undefined;

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
    // Node writes to a worker that has just died, and the error would end the supervisor. That it is gone is told below.
    this.#worker.on("error", () => undefined);
    const { process } = this.#worker;
    const closeConnections = rememberConnections(this.#worker);
    process.stdout?.setEncoding("utf8").on("data", (text: string) => this.#lines.push(text));
    this.ended = new Promise((resolve) => {
      process.once("close", (code: number | null, signal: string | null) => {
        this.#listens = false;
        closeConnections();
        this.#lines.end();
        resolve({ code, signal, complaint: this.#complaint });
      });
    });
    const listens = new Promise<Reach>((resolve) => {
      process.on("message", (report: Report) => this.#hear(report, resolve));
    });
    this.listening = Promise.race([listens, this.ended.then(() => undefined)]);
    this.#tell({ kind: "serve", worker: options.worker, config: options.config });
  }

  get number(): number {
    return this.#options.worker;
  }

  get pid(): number | undefined {
    return this.#worker.process.pid;
  }

  /** Whether it serves now. */
  listens(): boolean {
    return this.#listens;
  }

  /** Lines of its log that it did not finish. */
  tornLines(): number {
    return this.#lines.torn();
  }

  /** Its samples of this moment, or undefined when it ends before it answers. Not before the last call has been answered or given up. */
  samples(): Promise<Samples | undefined> {
    const { promise, resolve } = Promise.withResolvers<Samples>();
    this.#sampled = resolve;
    this.#tell({ kind: "sample", id: ++this.#asked });
    return Promise.race([promise, this.ended.then(() => undefined)]);
  }

  close(): void {
    this.#tell({ kind: "close" });
  }

  kill(): void {
    this.#worker.process.kill("SIGKILL");
  }

  #hear(report: Report, listens: (reach: Reach) => void): void {
    switch (report.kind) {
      case "listening":
        this.#listens = true;
        listens(report.reach);
        return;
      case "failed":
        this.#complaint = report.complaint;
        return;
      case "counted":
        this.counts = report.counts;
        return;
      case "sampled":
        this.counts = report.samples.filter(({ type }) => type === "counter" || type === "histogram");
        if (report.id === this.#asked) this.#sampled(report.samples);
        return;
      case "scraped":
        this.#options.renderAll().then(
          (text) => this.#tell({ kind: "metrics", id: report.id, text }),
          () => undefined,
        );
    }
  }

  /** A worker that is gone hears nothing, which its end tells. */
  #tell(order: Order): void {
    if (this.#worker.isConnected()) this.#worker.process.send(order, () => undefined);
  }
}

/**
 * Node hands a worker one connection at a time and keeps its own copy until the worker has said that it took it. Of a worker that
 * died in between, the copy would stay open for ever, and its client would wait for ever. Returns what closes it.
 */
function rememberConnections({ process }: Worker): () => void {
  const last: { readonly close?: () => void }[] = [];
  // There is none when the process could not be made, for want of file descriptors.
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

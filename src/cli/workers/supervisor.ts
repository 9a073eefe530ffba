import { VERSION } from "../../app/start-up.ts";
import type { ListeningInfo } from "../../app.ts";
import type { Config } from "../../config.ts";
import { within } from "../../domain/clock.ts";
import type { Setting } from "../../domain/setting.ts";
import { requireFreePort } from "../../http/listen-address.ts";
import { createMetrics } from "../../observe/metrics.ts";
import type { OverviewFigures } from "../../observe/overview-figures.ts";
import { SharedWork } from "../../observe/shared-work.ts";
import type { Stdout } from "../../observe/stdout.ts";
import { NO_SPANS } from "../../observe/trace.ts";
import type { Runtime } from "../../runtime.ts";
import { CliError, EXIT_FAILED } from "../cli-error.ts";
import { BackOff } from "./back-off.ts";
import { type WorkerEnd, WorkerProcess } from "./worker-process.ts";
import { WorkersMetrics } from "./workers-metrics.ts";

/**
 * The time beyond the drain time to close after the last answer. A worker ends by itself slightly
 * earlier.
 */
const CLOSING_MS_MAX = 600;

export interface SupervisorOptions {
  readonly config: Config;
  readonly settings: readonly Setting[];
  readonly stdout: Stdout;
  /** Called when all workers listen. */
  readonly listening: (listeningInfo: ListeningInfo) => void;
}

type SupervisorRuntime = Pick<Runtime, "clock" | "log">;

/** Starts the workers, restarts those that end, and stops them all. */
export class Supervisor {
  readonly #runtime: SupervisorRuntime;
  readonly #options: SupervisorOptions;
  readonly #workers = new Map<number, WorkerProcess>();
  readonly #metrics: WorkersMetrics;
  /** Each worker asks for the sum at most once a second. Sharing it limits the total cost. */
  readonly #rendered: SharedWork<string>;
  readonly #figures: SharedWork<OverviewFigures>;
  readonly #startedMs: number;
  readonly #closing = new AbortController();
  readonly #running: Promise<void>[] = [];
  #port: number;
  #listeningInfo: ListeningInfo | undefined;
  #restarts = 0;
  #tornLines = 0;
  #exitCode = 0;

  constructor(runtime: SupervisorRuntime, options: SupervisorOptions) {
    this.#runtime = runtime;
    this.#options = options;
    this.#port = options.config.port;
    this.#startedMs = runtime.clock.now();
    const own = createMetrics({ version: VERSION, node: process.versions.node });
    const none = () => 0;
    own.observe({
      queueRows: none,
      queueBytes: none,
      databaseBytes: async () => 0,
      backlogRows: none,
      queuedReads: none,
      readThreadRestarts: none,
      ready: async () => true,
      queueAgeMs: none,
      disk: async () => undefined,
      received: () => new Map(),
      readAuthOpen: none,
      sharedStateUp: () => 1,
      logLinesDropped: () => options.stdout.dropped() + this.#tornLines,
      signatureKeys: () => [],
      traceSpans: () => NO_SPANS,
      workers: () => ({
        configured: options.config.workers,
        alive: this.#alive(),
        restarts: this.#restarts,
      }),
    });
    this.#metrics = new WorkersMetrics(runtime.clock, {
      own,
      workers: () => [...this.#workers.values()],
    });
    const monotonic = () => runtime.clock.monotonic();
    this.#rendered = new SharedWork({ work: () => this.#metrics.render(), monotonic });
    this.#figures = new SharedWork({ work: () => this.#metrics.figures(), monotonic });
  }

  /**
   * Resolves with the exit code when all workers have ended after {@link close}. Rejects when one
   * cannot start, after all have ended.
   */
  async run(): Promise<number> {
    const { log } = this.#runtime;
    const { config } = this.#options;
    try {
      // Checked before a worker opens the database, so that a refused start changes nothing.
      await requireFreePort(config.host, config.port);
      // The first worker starts alone: it upgrades the database, and an error is reported only
      // once.
      await this.#begin(1);
      await Promise.all(Array.from({ length: config.workers - 1 }, (_, at) => this.#begin(at + 2)));
      if (!this.#closing.signal.aborted) {
        log.info({
          msg: "listening",
          ...this.#listeningInfo,
          version: VERSION,
          workers: config.workers,
        });
        if (this.#listeningInfo !== undefined) this.#options.listening(this.#listeningInfo);
      }
    } catch (error) {
      await this.close();
      throw error;
    }
    await Promise.all(this.#running);
    return this.#exitCode;
  }

  /**
   * Stops all workers, which answer the requests that they have accepted. Resolves when all have
   * ended.
   */
  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.all([...this.#workers.values()].map((one) => this.#end(one)));
  }

  /** Kills all workers. */
  kill(): void {
    for (const one of this.#workers.values()) one.kill();
  }

  /** Resolves when the worker listens, or when it is closed before that. */
  async #begin(worker: number): Promise<void> {
    if (this.#closing.signal.aborted) return;
    const first = this.#start(worker);
    const listeningInfo = await first.listening;
    if (listeningInfo === undefined && !this.#closing.signal.aborted)
      throw cannotStart(await first.ended);
    this.#listeningInfo ??= listeningInfo;
    this.#running.push(this.#keepUp(worker, first));
  }

  #start(worker: number): WorkerProcess {
    const { config, settings, stdout } = this.#options;
    const started = new WorkerProcess({
      worker,
      startedMs: this.#startedMs,
      config: { ...config, port: this.#port },
      settings,
      log: (lines) => stdout.write(lines),
      renderAll: () => this.#rendered.get(),
      figuresOfAll: () => this.#figures.get(),
    });
    this.#workers.set(worker, started);
    started.ended.then(({ code }) => {
      this.#workers.delete(worker);
      this.#metrics.keep(started.counts);
      this.#tornLines += started.tornLines();
      if (code !== 0 && this.#closing.signal.aborted) this.#exitCode = EXIT_FAILED;
      if (this.#workers.size === 0) this.#port = this.#takenPort();
    });
    return started;
  }

  /** Restarts a worker until the supervisor closes. */
  async #keepUp(worker: number, first: WorkerProcess): Promise<void> {
    const { clock, log } = this.#runtime;
    const backOff = new BackOff();
    let current = first;
    for (;;) {
      const startedMs = clock.monotonic();
      const { code, signal, explanation } = await current.ended;
      if (this.#closing.signal.aborted) return;
      const delayMs = backOff.delayMs(clock.monotonic() - startedMs);
      const error = explanation?.text.trim();
      log.error({
        msg: "worker ended",
        worker,
        pid: current.pid,
        code,
        signal,
        error,
        restart_ms: delayMs,
      });
      await clock.sleep(delayMs, this.#closing.signal).catch(() => undefined);
      if (this.#closing.signal.aborted) return;
      this.#restarts++;
      current = this.#start(worker);
      if ((await current.listening) !== undefined)
        log.info({ msg: "worker started again", worker, pid: current.pid });
    }
  }

  async #end(worker: WorkerProcess): Promise<void> {
    const { clock, log } = this.#runtime;
    worker.close();
    const end = await within(clock, this.#options.config.drainMs + CLOSING_MS_MAX, worker.ended);
    if (end !== undefined) return;
    log.error({ msg: "worker does not end, killing it", worker: worker.number, pid: worker.pid });
    worker.kill();
    await worker.ended;
  }

  /**
   * With PORT=0 the workers share a port by all asking for port 0. When no worker holds it any
   * more, they must ask for its number.
   */
  #takenPort(): number {
    return this.#port === 0 && this.#listeningInfo !== undefined
      ? Number(new URL(this.#listeningInfo.url).port)
      : this.#port;
  }

  #alive(): number {
    return [...this.#workers.values()].filter((one) => one.listens()).length;
  }
}

function cannotStart({ explanation, code, signal }: WorkerEnd): CliError {
  if (explanation !== undefined)
    return new CliError(explanation.text.trimEnd(), explanation.exitCode);
  return new CliError(`A worker ended before it listened, with ${signal ?? `exit code ${code}`}.`);
}

import { VERSION } from "../../app/start-up.ts";
import type { Reach } from "../../app.ts";
import type { Config } from "../../config.ts";
import { within } from "../../domain/clock.ts";
import { requireFreePort } from "../../http/listen-address.ts";
import { createMetrics } from "../../observe/metrics.ts";
import { SharedRender } from "../../observe/shared-render.ts";
import type { Stdout } from "../../observe/stdout.ts";
import { NO_SPANS } from "../../observe/trace.ts";
import type { Runtime } from "../../runtime.ts";
import { CliError, EXIT_FAILED } from "../cli-error.ts";
import { BackOff } from "./back-off.ts";
import { TeamMetrics } from "./team-metrics.ts";
import { type WorkerEnd, WorkerProcess } from "./worker-process.ts";

/** Beyond the drain time, for what a worker does when its last answer is out. It ends by itself a little earlier. */
const CLOSING_MS_MAX = 600;

export interface SupervisorOptions {
  readonly config: Config;
  readonly stdout: Stdout;
}

type SupervisorRuntime = Pick<Runtime, "clock" | "log">;

/** Starts the workers, starts them again when they die, and ends them together. */
export class Supervisor {
  readonly #runtime: SupervisorRuntime;
  readonly #options: SupervisorOptions;
  readonly #team = new Map<number, WorkerProcess>();
  readonly #metrics: TeamMetrics;
  /** Each worker asks for the sum once a second at most; this bounds what all of them cost. */
  readonly #shared: SharedRender;
  readonly #closing = new AbortController();
  readonly #running: Promise<void>[] = [];
  #port: number;
  #reach: Reach | undefined;
  #restarts = 0;
  #tornLines = 0;
  #exitCode = 0;

  constructor(runtime: SupervisorRuntime, options: SupervisorOptions) {
    this.#runtime = runtime;
    this.#options = options;
    this.#port = options.config.port;
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
      workers: () => ({ configured: options.config.workers, alive: this.#alive(), restarts: this.#restarts }),
    });
    this.#metrics = new TeamMetrics(runtime.clock, { own, workers: () => [...this.#team.values()] });
    this.#shared = new SharedRender({
      render: () => this.#metrics.render(),
      monotonic: () => runtime.clock.monotonic(),
    });
  }

  /** Resolves with the exit code when all have ended after {@link close}. Rejects, with all of them ended, when one cannot start at all. */
  async run(): Promise<number> {
    const { log } = this.#runtime;
    const { config } = this.#options;
    try {
      // Before the first opens the database: a start that is refused changes nothing.
      await requireFreePort(config.host, config.port);
      // The first goes alone: it upgrades the database, and what is wrong is said once.
      await this.#begin(1);
      await Promise.all(Array.from({ length: config.workers - 1 }, (_, at) => this.#begin(at + 2)));
      if (!this.#closing.signal.aborted)
        log.info({ msg: "listening", ...this.#reach, version: VERSION, workers: config.workers });
    } catch (error) {
      await this.close();
      throw error;
    }
    await Promise.all(this.#running);
    return this.#exitCode;
  }

  /** Ends all workers, which answer what they have accepted. Resolves when none is left. */
  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.all([...this.#team.values()].map((one) => this.#end(one)));
  }

  /** Ends all of them now. */
  kill(): void {
    for (const one of this.#team.values()) one.kill();
  }

  /** Resolves when it listens, or is closed before it does. */
  async #begin(worker: number): Promise<void> {
    if (this.#closing.signal.aborted) return;
    const first = this.#start(worker);
    const reach = await first.listening;
    if (reach === undefined && !this.#closing.signal.aborted) throw cannotStart(await first.ended);
    this.#reach ??= reach;
    this.#running.push(this.#keepUp(worker, first));
  }

  #start(worker: number): WorkerProcess {
    const { config, stdout } = this.#options;
    const started = new WorkerProcess({
      worker,
      config: { ...config, port: this.#port },
      log: (lines) => stdout.write(lines),
      renderAll: async () => (await this.#shared.get()).toString(),
    });
    this.#team.set(worker, started);
    started.ended.then(({ code }) => {
      this.#team.delete(worker);
      this.#metrics.keep(started.counts);
      this.#tornLines += started.tornLines();
      if (code !== 0 && this.#closing.signal.aborted) this.#exitCode = EXIT_FAILED;
      if (this.#team.size === 0) this.#port = this.#takenPort();
    });
    return started;
  }

  /** As long as nobody closes it, there is such a worker. */
  async #keepUp(worker: number, first: WorkerProcess): Promise<void> {
    const { clock, log } = this.#runtime;
    const backOff = new BackOff();
    let current = first;
    for (;;) {
      const startedMs = clock.monotonic();
      const { code, signal, complaint } = await current.ended;
      if (this.#closing.signal.aborted) return;
      const delayMs = backOff.delayMs(clock.monotonic() - startedMs);
      const error = complaint?.text.trim();
      log.error({ msg: "worker ended", worker, pid: current.pid, code, signal, error, restart_ms: delayMs });
      await clock.sleep(delayMs, this.#closing.signal).catch(() => undefined);
      if (this.#closing.signal.aborted) return;
      this.#restarts++;
      current = this.#start(worker);
      if ((await current.listening) !== undefined) log.info({ msg: "worker started again", worker, pid: current.pid });
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

  /** While one holds it, a free port is shared by asking for "a free port". When none does, only its number gets it back. */
  #takenPort(): number {
    return this.#port === 0 && this.#reach !== undefined ? Number(new URL(this.#reach.url).port) : this.#port;
  }

  #alive(): number {
    return [...this.#team.values()].filter((one) => one.listens()).length;
  }
}

function cannotStart({ complaint, code, signal }: WorkerEnd): CliError {
  if (complaint !== undefined) return new CliError(complaint.text.trimEnd(), complaint.exitCode);
  return new CliError(`A worker ended before it listened, with ${signal ?? `exit code ${code}`}.`);
}

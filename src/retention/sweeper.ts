import { type Clock, withoutJumps } from "../domain/clock.ts";
import { failureInWords } from "../domain/failure-words.ts";
import type { Runtime } from "../runtime.ts";
import type { AuditLog } from "../store/credentials.ts";
import type { RetentionStore } from "../store/retention.ts";
import { clockRefusal, isFullScanDue, type Refusal, shareRefusal, sweepRecord } from "./guard.ts";
import { type SweepOptions, type SweepReport, sweep } from "./sweep.ts";

/** A service that was just started has more urgent work. */
const FIRST_MS = 60_000;
const EVERY_MS = 60 * 60 * 1_000;
/** Longer than the time between two sweeps, so that the same process continues while it lives. */
const LEASE_SECONDS = 2 * 60 * 60;

export interface SweeperOptions {
  readonly store: RetentionStore;
  readonly audit: AuditLog;
  /** How many messages there are. */
  readonly total: () => Promise<number>;
  readonly days: number | undefined;
  readonly tombstoneDays: number;
  readonly firstMs?: number;
}

type SweeperRuntime = Pick<Runtime, "clock" | "log" | "metrics" | "newId">;

/** Deletes old messages every hour. Of all processes, only the one with the lease does it. */
export class Sweeper {
  readonly #runtime: SweeperRuntime;
  readonly #options: SweeperOptions;
  readonly #holder: string;
  readonly #stopping = new AbortController();
  readonly #running: Promise<void>;

  constructor(runtime: SweeperRuntime, options: SweeperOptions) {
    this.#runtime = runtime;
    this.#options = options;
    this.#holder = runtime.newId();
    this.#running = this.#run();
  }

  /** Resolves when the step under way is done. Safe to call twice. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { clock, log } = this.#runtime;
    const { store, firstMs = FIRST_MS } = this.#options;
    const { signal } = this.#stopping;
    // Done before a wrong clock can date new messages. If this fails, the first sweep runs without
    // a record.
    await store.seedLastSweep().catch(() => undefined);
    for (let waitMs = firstMs; ; waitMs = EVERY_MS) {
      await clock.sleep(waitMs, signal).catch(() => undefined);
      if (signal.aborted) return;
      try {
        await this.#runOnce();
      } catch (error) {
        // The database's own message may quote a row. The next hour tries again, and the metric
        // shows that this sweep failed.
        log.error({ msg: "deleting old messages failed", error: failureInWords(error) });
      }
    }
  }

  /** One sweep: it is refused, left to another process, or carried out. */
  async #runOnce(): Promise<void> {
    const { metrics } = this.#runtime;
    const { store, days, tombstoneDays, total } = this.#options;
    const clock = withoutJumps(this.#runtime.clock);
    const { signal } = this.#stopping;
    const last = await store.lastSweep();
    if (signal.aborted) return;
    // Checked before the lease is taken, so that a process with a wrong clock leaves the work to
    // the others.
    const wrongClock = await clockRefusal(clock, { store, days }, last);
    if (signal.aborted) return;
    if (wrongClock !== undefined) return this.#refuse(wrongClock);
    if (!(await store.holdLease(this.#holder, LEASE_SECONDS))) return this.#accept();
    const everywhere = isFullScanDue(clock, last);
    const deleted = (messages: number) =>
      metrics.messagesDeleted.inc({ reason: "expired" }, messages);
    const options: SweepOptions = { store, days, tombstoneDays, signal, everywhere, deleted };
    const nearlyAll = await shareRefusal(clock, options, { last, messages: total });
    if (signal.aborted) return;
    if (nearlyAll !== undefined) return this.#refuse(nearlyAll);
    this.#accept();
    const { receivedBefore } = await this.#sweep(clock, options);
    if (signal.aborted) return;
    await store.recordSweep(sweepRecord(clock, { receivedBefore, everywhere, last }));
  }

  #refuse({ reason, text }: Refusal): void {
    const { log, metrics } = this.#runtime;
    this.#accept();
    metrics.retentionRefused.set({ reason }, 1);
    log.error({ msg: "deleting old messages refused", reason, error: text });
  }

  #accept(): void {
    const { retentionRefused } = this.#runtime.metrics;
    for (const reason of ["clock", "nearly_all"] as const) retentionRefused.set({ reason }, 0);
  }

  async #sweep(clock: Clock, options: SweepOptions): Promise<SweepReport> {
    const { log, metrics, newId } = this.#runtime;
    const report = await sweep(clock, options);
    const { messages, tombstones, bytesGivenBack, seconds, receivedBefore = "" } = report;
    if (messages > 0) {
      const at = new Date(clock.now()).toISOString();
      const details = { messages, received_before: receivedBefore };
      await this.#options.audit.add({
        at,
        id: newId(),
        actor: "service",
        action: "retention.ran",
        subject: "",
        details,
      });
    }
    metrics.retentionRun.set(clock.now() / 1_000);
    // Without retention no message is scanned. Tombstones of erased senders still expire.
    if (options.days === undefined) {
      log[tombstones > 0 ? "info" : "debug"]({
        msg: "tombstones dropped",
        tombstones_dropped: tombstones,
      });
      return report;
    }
    log.info({
      msg: "old messages deleted",
      messages,
      received_before: receivedBefore,
      tombstones_dropped: tombstones,
      bytes_given_back: bytesGivenBack,
      seconds: Math.round(seconds * 1_000) / 1_000,
    });
    return report;
  }
}

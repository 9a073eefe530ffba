import type { Clock } from "../domain/clock.ts";
import type { Log } from "../observe/log.ts";
import type { Metrics } from "../observe/metrics.ts";
import type { AuditLog } from "../store/access.ts";
import type { RetentionStore } from "../store/retention.ts";
import { sweep } from "./sweep.ts";

/** Not while a service that was just started is wanted most. */
const FIRST_MS = 60_000;
const EVERY_MS = 60 * 60 * 1_000;
/** Longer than two sweeps lie apart, so that one process goes on with it while it lives. */
const LEASE_SECONDS = 2 * 60 * 60;

export interface SweeperOptions {
  readonly store: RetentionStore;
  readonly audit: AuditLog;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Pick<Metrics, "messagesDeleted" | "retentionRun">;
  readonly newId: () => string;
  readonly days: number | undefined;
  readonly tombstoneDays: number;
  readonly firstMs?: number;
}

/** Deletes what is too old, every hour, in whichever of all processes holds the lease. */
export class Sweeper {
  readonly #options: SweeperOptions;
  readonly #holder: string;
  readonly #stopping = new AbortController();
  readonly #running: Promise<void>;

  constructor(options: SweeperOptions) {
    this.#options = options;
    this.#holder = options.newId();
    this.#running = this.#run();
  }

  /** Resolves when the step under way is done. Safe twice. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { clock, log, firstMs = FIRST_MS } = this.#options;
    const { signal } = this.#stopping;
    for (let waitMs = firstMs; ; waitMs = EVERY_MS) {
      await clock.sleep(waitMs, signal).catch(() => undefined);
      if (signal.aborted) return;
      try {
        if (await this.#options.store.holdLease(this.#holder, LEASE_SECONDS)) await this.#sweep();
      } catch (error) {
        // An engine's own words may quote a row; the next hour tries again, and the metric tells that this one failed.
        log.error({ msg: "deleting old messages failed", error: error instanceof Error ? error.name : "Error" });
      }
    }
  }

  async #sweep(): Promise<void> {
    const { store, audit, clock, log, metrics, newId, days, tombstoneDays } = this.#options;
    const report = await sweep({
      ...{ store, clock, days, tombstoneDays, signal: this.#stopping.signal },
      deleted: (messages) => metrics.messagesDeleted.inc({ reason: "expired" }, messages),
    });
    const { messages, tombstones, bytesGivenBack, seconds, receivedBefore = "" } = report;
    if (messages > 0) {
      const at = new Date(clock.now()).toISOString();
      const details = { messages, received_before: receivedBefore };
      await audit.add({ at, id: newId(), actor: "service", action: "retention.ran", subject: "", details });
    }
    metrics.retentionRun.set(clock.now() / 1_000);
    log.info({
      ...{ msg: "old messages deleted", messages, received_before: receivedBefore, tombstones_dropped: tombstones },
      ...{ bytes_given_back: bytesGivenBack, seconds: Math.round(seconds * 1_000) / 1_000 },
    });
  }
}

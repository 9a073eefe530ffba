import { ExportResultCode } from "@opentelemetry/core";
import {
  BatchSpanProcessor,
  type ReadableSpan,
  type SpanProcessor,
} from "@opentelemetry/sdk-trace";
import { within } from "../../domain/clock.ts";
import type { Runtime } from "../../runtime.ts";
import type { SpanCounts } from "../trace.ts";
import type { OtlpSender } from "./otlp-sender.ts";

const WARN_EVERY_MS = 60_000;
const LAST_SENDING_MS_MAX = 2_000;
/** The longest timer of Node. The sender ends each request at its own deadline. */
const EXPORT_MS_MAX = 2 ** 31 - 1;

export interface BatchLimits {
  readonly spansMax: number;
  readonly spansPerRequestMax: number;
  readonly delayMs: number;
}

export interface SpanExportOptions extends BatchLimits, Pick<Runtime, "clock" | "log"> {
  readonly sender: Pick<OtlpSender, "send" | "close">;
}

/**
 * The SDK's batch processor, with what a service needs in addition: counts of its spans, log lines
 * about losses, and a last export that ends in time.
 */
export class SpanExport implements SpanProcessor {
  readonly #options: SpanExportOptions;
  readonly #batches: BatchSpanProcessor;
  readonly #counts = { sent: 0, failed: 0, dropped: 0 };
  #waiting = 0;
  #stopped = false;
  #exporting = Promise.resolve();
  #warnedMs = Number.NEGATIVE_INFINITY;
  /** When the collector first failed; undefined once it takes spans again. */
  #failingSinceMs: number | undefined;
  /** Spans lost since the last warning. */
  #lost = 0;

  constructor(options: SpanExportOptions) {
    this.#options = options;
    this.#batches = new BatchSpanProcessor({
      exporter: {
        export: (spans, done) => {
          this.#waiting -= spans.length;
          // The SDK exports the last batches at the same time. Here they are sent one after the
          // other.
          this.#exporting = this.#exporting.then(() => this.#send(spans));
          // A failure is counted and logged here. If the SDK got it, it would give up the other
          // batches.
          this.#exporting.then(() => done({ code: ExportResultCode.SUCCESS }));
        },
        shutdown: () => this.#exporting,
      },
      maxQueueSize: options.spansMax,
      maxExportBatchSize: options.spansPerRequestMax,
      scheduledDelayMillis: options.delayMs,
      exportTimeoutMillis: EXPORT_MS_MAX,
    });
  }

  onStart(): void {}

  onEnd(span: ReadableSpan): void {
    // The SDK does not count the spans that it drops, so it never gets more than its queue holds.
    if (this.#stopped || this.#waiting >= this.#options.spansMax) {
      this.#counts.dropped++;
      this.#lost++;
      return;
    }
    this.#waiting++;
    this.#batches.onEnd(span);
  }

  counts(): SpanCounts {
    return this.#counts;
  }

  /**
   * Sends the remaining spans, for two seconds at most. When it resolves, nothing is running. Safe
   * to call twice.
   */
  async stop(): Promise<void> {
    this.#stopped = true;
    const flushed = this.#batches.shutdown();
    await within(this.#options.clock, LAST_SENDING_MS_MAX, flushed);
    this.#options.sender.close();
    await flushed;
  }

  async forceFlush(): Promise<void> {}

  shutdown(): Promise<void> {
    return this.stop();
  }

  async #send(spans: ReadableSpan[]): Promise<void> {
    const refusal = await this.#options.sender.send(spans);
    const failed = refusal === undefined ? 0 : (refusal.spans ?? spans.length);
    this.#counts.failed += failed;
    this.#counts.sent += spans.length - failed;
    this.#lost += failed;
    if (failed === 0) this.#logRecovery();
    else this.#failingSinceMs ??= this.#options.clock.monotonic();
    if (this.#lost > 0) this.#warn(refusal?.reason ?? "more spans than can be sent");
  }

  #logRecovery(): void {
    const { clock, log } = this.#options;
    if (this.#failingSinceMs === undefined) return;
    const outageMs = Math.round(clock.monotonic() - this.#failingSinceMs);
    this.#failingSinceMs = undefined;
    log.info({ msg: "the trace collector is back", dependency: "collector", outage_ms: outageMs });
  }

  #warn(reason: string): void {
    const { clock, log } = this.#options;
    const nowMs = clock.monotonic();
    if (nowMs - this.#warnedMs < WARN_EVERY_MS) return;
    this.#warnedMs = nowMs;
    log.warn({ msg: "spans of traces are lost", reason, spans: this.#lost });
    this.#lost = 0;
  }
}

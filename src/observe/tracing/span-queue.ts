import { TraceFlags } from "@opentelemetry/api";
import type { ReadableSpan, SpanProcessor } from "@opentelemetry/sdk-trace";
import { type Clock, within } from "../../domain/clock.ts";
import type { Log } from "../log.ts";
import type { SpanCounts } from "../trace.ts";
import type { SpanQueueLimits } from "./options.ts";
import type { OtlpSender } from "./otlp-sender.ts";

const WARN_EVERY_MS = 60_000;
const LAST_SENDING_MS_MAX = 2_000;

export interface SpanQueueOptions extends SpanQueueLimits {
  readonly sender: Pick<OtlpSender, "send" | "close">;
  readonly clock: Clock;
  readonly log: Pick<Log, "info" | "warn">;
}

/** Where ended spans wait to be sent, some at a time and one request after the other. Past its bound they are dropped and counted. */
export class SpanQueue implements SpanProcessor {
  readonly #options: SpanQueueOptions;
  readonly #stopping = new AbortController();
  readonly #counts = { sent: 0, failed: 0, dropped: 0 };
  #spans: ReadableSpan[] = [];
  #enough = () => {};
  #running: Promise<void> | undefined;
  #warnedMs = Number.NEGATIVE_INFINITY;
  /** When the first spans were not taken, until some are again. */
  #awaySinceMs: number | undefined;
  /** Not told of yet. */
  #lost = 0;

  constructor(options: SpanQueueOptions) {
    this.#options = options;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  onStart(): void {}

  onEnd(span: ReadableSpan): void {
    if ((span.spanContext().traceFlags & TraceFlags.SAMPLED) === 0) return;
    const { spansMax, spansPerRequestMax } = this.#options;
    if (this.#stopping.signal.aborted || this.#spans.length >= spansMax) {
      this.#counts.dropped++;
      this.#lost++;
      return;
    }
    this.#spans.push(span);
    if (this.#spans.length >= spansPerRequestMax) this.#enough();
  }

  counts(): SpanCounts {
    return this.#counts;
  }

  /** Sends what is there, for two seconds at most. Nothing runs any more when it resolves. Safe twice. */
  async stop(): Promise<void> {
    const { clock, sender } = this.#options;
    this.#stopping.abort();
    const sent = Promise.resolve(this.#running).then(() => this.#send(1));
    await within(clock, LAST_SENDING_MS_MAX, sent);
    sender.close();
    await sent;
  }

  async forceFlush(): Promise<void> {}

  shutdown(): Promise<void> {
    return this.stop();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      const isFull = await this.#untilDue(signal);
      await this.#send(isFull ? this.#options.spansPerRequestMax : 1);
    }
  }

  /** Resolves when there are spans enough for a request, with true, or after the delay. */
  async #untilDue(signal: AbortSignal): Promise<boolean> {
    const { clock, delayMs, spansPerRequestMax } = this.#options;
    if (this.#spans.length >= spansPerRequestMax) return true;
    const awake = new AbortController();
    let isFull = false;
    this.#enough = () => {
      isFull = true;
      awake.abort();
    };
    await clock.sleep(delayMs, AbortSignal.any([signal, awake.signal])).catch(() => undefined);
    this.#enough = () => {};
    return isFull;
  }

  /** Sends as long as there are so many spans. */
  async #send(spansMin: number): Promise<void> {
    const { sender, spansPerRequestMax } = this.#options;
    while (this.#spans.length >= spansMin) {
      const spans = this.#spans.splice(0, spansPerRequestMax);
      const untaken = await sender.send(spans);
      const failed = untaken?.spans ?? 0;
      this.#counts.failed += failed;
      this.#counts.sent += spans.length - failed;
      this.#lost += failed;
      if (failed === 0) this.#tellBack();
      else this.#awaySinceMs ??= this.#options.clock.monotonic();
      if (this.#lost > 0) this.#warn(untaken?.reason ?? "more spans than can be sent");
    }
  }

  #tellBack(): void {
    const { clock, log } = this.#options;
    if (this.#awaySinceMs === undefined) return;
    const outageMs = Math.round(clock.monotonic() - this.#awaySinceMs);
    this.#awaySinceMs = undefined;
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

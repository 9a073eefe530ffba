import { createHistogram } from "node:perf_hooks";
import type { LyftrError } from "../../../client/client.ts";

/** Whether a message failed because the service cannot be reached. */
export function isUnreachable({ status, kind }: LyftrError): boolean {
  return status === undefined && kind !== "aborted";
}

/** Counts the outcomes of messages, in constant memory. */
export class SendTally {
  readonly #startMs = performance.now();
  readonly #latencyMicroseconds = createHistogram();
  readonly #refused = new Map<number, number>();
  #accepted = 0;
  #failed = 0;
  #unreachable = 0;
  #untrusted = 0;
  /** Lines that are too long for a message and were not sent. */
  #skipped = 0;

  answered(ms: number): void {
    this.#latencyMicroseconds.record(Math.max(1, Math.round(ms * 1_000)));
  }

  /** `error` is the reason why a message was not accepted. */
  count(error: LyftrError | undefined): void {
    if (error === undefined) this.#accepted++;
    else if (error.status !== undefined && error.status < 500)
      this.#refused.set(error.status, this.refusedWith(error.status) + 1);
    else {
      this.#failed++;
      if (isUnreachable(error)) this.#unreachable++;
      if (error.kind === "certificate") this.#untrusted++;
    }
  }

  skip(): void {
    this.#skipped++;
  }

  get total(): number {
    return this.#accepted + this.#failed + this.#skipped + this.#refusedTotal;
  }

  get allAccepted(): boolean {
    return this.#accepted === this.total;
  }

  /** The number of failed messages that reached no server. */
  get unreachable(): number {
    return this.#unreachable;
  }

  /** The number of these whose server has a certificate that is not accepted. */
  get untrusted(): number {
    return this.#untrusted;
  }

  refusedWith(status: number): number {
    return this.#refused.get(status) ?? 0;
  }

  /**
   * The speed and the latencies, for example `3000 messages in 0.8 s, 3750/s, p50 3.1 ms, p99 9.9
   * ms`.
   */
  speed(): string {
    const seconds = Math.max(0.001, (performance.now() - this.#startMs) / 1_000);
    const rate = `${this.total} message${this.total === 1 ? "" : "s"} in ${seconds.toFixed(1)} s, ${Math.round(this.total / seconds)}/s`;
    if (this.#latencyMicroseconds.count === 0) return rate;
    const percentile = (percent: number) =>
      (this.#latencyMicroseconds.percentile(percent) / 1_000).toFixed(1);
    return `${rate}, p50 ${percentile(50)} ms, p99 ${percentile(99)} ms`;
  }

  /** The same as {@link summary}, for programs. */
  facts() {
    const percentile = (percent: number) =>
      this.#latencyMicroseconds.count === 0
        ? null
        : this.#latencyMicroseconds.percentile(percent) / 1_000;
    return {
      accepted: this.#accepted,
      refused: this.#refusedTotal,
      refused_by_status: Object.fromEntries(this.#refused),
      failed: this.#failed,
      not_sent: this.#skipped,
      seconds: (performance.now() - this.#startMs) / 1_000,
      p50_ms: percentile(50),
      p99_ms: percentile(99),
    };
  }

  summary(): string {
    const statuses = [...this.#refused]
      .sort(([a], [b]) => a - b)
      .map(([status, count]) => `${status}: ${count}`);
    const lines = [
      `accepted ${this.#accepted}`,
      `refused  ${this.#refusedTotal}${statuses.length === 0 ? "" : ` (${statuses.join(", ")})`}`,
      `failed   ${this.#failed}`,
      ...(this.#skipped === 0 ? [] : [`not sent ${this.#skipped} (too long for a message)`]),
      this.speed(),
    ];
    return `${lines.join("\n")}\n`;
  }

  get #refusedTotal(): number {
    return [...this.#refused.values()].reduce((sum, count) => sum + count, 0);
  }
}

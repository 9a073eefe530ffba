import type { Clock } from "../../domain/clock.ts";
import type { Log } from "../log.ts";
import type { Attributes } from "../trace.ts";

export type SamplerName = "always_on" | "always_off" | "traceidratio";

export interface SamplerOptions {
  readonly name: SamplerName;
  /** Of the traces that begin here, 0 to 1. */
  readonly ratio: number;
  /** Whoever sends a traceparent has decided it already. */
  readonly parentBased: boolean;
}

/** Where spans go, and how. */
export interface OtlpOptions {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly encoding: "protobuf" | "json";
  readonly gzip: boolean;
  /** For one request with all its attempts. */
  readonly msMax: number;
}

export interface SpanQueueLimits {
  readonly spansMax: number;
  readonly spansPerRequestMax: number;
  readonly delayMs: number;
}

export interface TracingOptions {
  readonly sampler: SamplerOptions;
  readonly otlp: OtlpOptions;
  readonly queue: SpanQueueLimits;
  /** Of the process. */
  readonly resource: Attributes;
  readonly version: string;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Pick<Log, "info" | "warn">;
}

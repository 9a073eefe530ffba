import {
  defaultTextMapGetter,
  type Link,
  ROOT_CONTEXT,
  SpanKind,
  type Tracer,
} from "@opentelemetry/api";
import { W3CTraceContextPropagator } from "@opentelemetry/core";
import { defaultResource, resourceFromAttributes } from "@opentelemetry/resources";
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  ParentBasedSampler,
  type Sampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import type { Runtime } from "../../runtime.ts";
import type {
  Attributes,
  BegunRequest,
  CommittedBatch,
  RequestTrace,
  SpanCounts,
  Tracing,
} from "../trace.ts";
import { AnchoredTime } from "./anchored-time.ts";
import { type OtlpOptions, OtlpSender } from "./otlp-sender.ts";
import { type BatchLimits, SpanExport } from "./span-export.ts";
import { failure, SpanTrace } from "./span-trace.ts";

const SCOPE = "lyftr";
/** A batch may have 512 messages. By default the SDK keeps this many links of a span. */
const LINKS_PER_BATCH_MAX = 128;

export interface SamplerOptions {
  readonly name: "always_on" | "always_off" | "traceidratio";
  /** The share of the traces that begin here, 0 to 1. */
  readonly ratio: number;
  /** Whether the sampling decision in a sender's traceparent is followed. */
  readonly parentBased: boolean;
}

export interface TracingOptions extends Pick<Runtime, "clock" | "log" | "random"> {
  readonly sampler: SamplerOptions;
  readonly otlp: OtlpOptions;
  readonly queue: BatchLimits;
  /** The attributes of the process. */
  readonly resource: Attributes;
  readonly version: string;
}

/**
 * Traces by OpenTelemetry's SDK. Spans are passed as arguments: no context follows asynchronous
 * calls, and nothing is global.
 */
export class OpenTelemetry implements Tracing {
  readonly #requests: Tracer;
  /** For spans that belong to sampled requests. */
  readonly #parts: Tracer;
  readonly #export: SpanExport;
  readonly #time: AnchoredTime;
  readonly #monotonic: () => number;
  readonly #propagator = new W3CTraceContextPropagator();

  constructor({ sampler, otlp, queue, resource, ...common }: TracingOptions) {
    const { clock, version } = common;
    this.#monotonic = clock.monotonic;
    this.#time = new AnchoredTime(clock);
    this.#export = new SpanExport({
      ...queue,
      ...common,
      sender: new OtlpSender({ ...otlp, ...common }),
    });
    const shared = {
      resource: defaultResource().merge(resourceFromAttributes({ ...resource })),
      spanProcessors: [this.#export],
      spanLimits: { linkCountLimit: LINKS_PER_BATCH_MAX },
    };
    this.#requests = new TracerProvider({ ...shared, sampler: samplerOf(sampler) }).getTracer(
      SCOPE,
      version,
    );
    this.#parts = new TracerProvider({ ...shared, sampler: new AlwaysOnSampler() }).getTracer(
      SCOPE,
      version,
    );
  }

  begin(request: BegunRequest): RequestTrace | undefined {
    return withoutThrowing(() => {
      const wallAheadMs = this.#time.wallAheadMs();
      const parent = this.#propagator.extract(ROOT_CONTEXT, request, defaultTextMapGetter);
      const options = { kind: SpanKind.SERVER, startTime: wallAheadMs + request.atMs };
      const span = this.#requests.startSpan(request.name, options, parent);
      return new SpanTrace({ span, parts: this.#parts, wallAheadMs, monotonic: this.#monotonic });
    });
  }

  committed({ messages, fromMs, toMs, failed }: CommittedBatch): void {
    withoutThrowing(() => {
      const wallAheadMs = this.#time.wallAheadMs();
      const links: Link[] = [];
      let sampled = 0;
      for (const { trace } of messages) {
        if (!(trace instanceof SpanTrace) || !trace.sampled) continue;
        sampled++;
        if (links.length < LINKS_PER_BATCH_MAX) links.push({ context: trace.context });
      }
      // No request would lead to its span.
      if (sampled === 0) return;
      const attributes = {
        "lyftr.batch.messages": messages.length,
        "lyftr.batch.messages_sampled": sampled,
      };
      const startTime = wallAheadMs + fromMs;
      const batch = this.#parts.startSpan(
        "commit batch",
        { startTime, attributes, links },
        ROOT_CONTEXT,
      );
      if (failed) batch.setStatus(failure());
      batch.end(wallAheadMs + toMs);
      const context = batch.spanContext();
      for (const { trace, sinceMs } of messages) {
        if (trace instanceof SpanTrace) trace.committed({ sinceMs, fromMs, toMs, batch: context });
      }
    });
  }

  spanCounts(): SpanCounts {
    return this.#export.counts();
  }

  stop(): Promise<void> {
    return this.#export.stop();
  }
}

function samplerOf({ name, ratio, parentBased }: SamplerOptions): Sampler {
  const root = rootSampler(name, ratio);
  return parentBased ? new ParentBasedSampler({ root }) : root;
}

function rootSampler(name: SamplerOptions["name"], ratio: number): Sampler {
  switch (name) {
    case "always_on":
      return new AlwaysOnSampler();
    case "always_off":
      return new AlwaysOffSampler();
    case "traceidratio":
      return new TraceIdRatioBasedSampler(ratio);
  }
}

/** A fault in tracing loses a span, not a message. */
function withoutThrowing<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}

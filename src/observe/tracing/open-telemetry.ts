import {
  type Context,
  createTraceState,
  type Link,
  ROOT_CONTEXT,
  SpanKind,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import { defaultResource, resourceFromAttributes } from "@opentelemetry/resources";
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  ParentBasedSampler,
  type Sampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import type { BegunRequest, CommittedBatch, RequestTrace, SpanCounts, Tracing } from "../trace.ts";
import { AnchoredTime, instantOf } from "./anchored-time.ts";
import type { SamplerOptions, TracingOptions } from "./options.ts";
import { OtlpSender } from "./otlp-sender.ts";
import { SpanQueue } from "./span-queue.ts";
import { failure, SpanTrace } from "./span-trace.ts";
import { parseTraceparent, parseTracestate } from "./traceparent.ts";

const SCOPE = "lyftr";
/** A batch may hold 512 messages; what OpenTelemetry keeps of a span unless told otherwise. */
const LINKS_PER_BATCH_MAX = 128;

/** Traces by OpenTelemetry's SDK. Spans are handed on by values; there is no context that follows asynchronous calls, and nothing global. */
export class OpenTelemetry implements Tracing {
  readonly #requests: Tracer;
  /** For what belongs to requests that are sampled. */
  readonly #parts: Tracer;
  readonly #queue: SpanQueue;
  readonly #time: AnchoredTime;
  readonly #monotonic: () => number;

  static start(options: TracingOptions): OpenTelemetry {
    const started = new OpenTelemetry(options);
    started.#queue.start();
    return started;
  }

  private constructor({ sampler, otlp, queue, resource, ...common }: TracingOptions) {
    const { clock, version } = common;
    this.#monotonic = clock.monotonic;
    this.#time = new AnchoredTime(clock);
    this.#queue = new SpanQueue({ ...queue, ...common, sender: new OtlpSender({ ...otlp, ...common }) });
    const shared = {
      resource: defaultResource().merge(resourceFromAttributes({ ...resource })),
      spanProcessors: [this.#queue],
      spanLimits: { linkCountLimit: LINKS_PER_BATCH_MAX },
    };
    this.#requests = new TracerProvider({ ...shared, sampler: samplerOf(sampler) }).getTracer(SCOPE, version);
    this.#parts = new TracerProvider({ ...shared, sampler: new AlwaysOnSampler() }).getTracer(SCOPE, version);
  }

  begin({ name, atMs, ...fields }: BegunRequest): RequestTrace | undefined {
    return quietly(() => {
      const wallAheadMs = this.#time.wallAheadMs();
      const startTime = instantOf(wallAheadMs + atMs);
      const span = this.#requests.startSpan(name, { kind: SpanKind.SERVER, startTime }, contextOf(fields));
      return new SpanTrace({ span, parts: this.#parts, wallAheadMs, monotonic: this.#monotonic });
    });
  }

  committed({ messages, fromMs, toMs, failed }: CommittedBatch): void {
    quietly(() => {
      const wallAheadMs = this.#time.wallAheadMs();
      const links: Link[] = [];
      let sampled = 0;
      for (const { trace } of messages) {
        if (!(trace instanceof SpanTrace) || !trace.sampled) continue;
        sampled++;
        if (links.length < LINKS_PER_BATCH_MAX) links.push({ context: trace.context });
      }
      // Nobody could come to it from a request.
      if (sampled === 0) return;
      const attributes = { "lyftr.batch.messages": messages.length, "lyftr.batch.messages_sampled": sampled };
      const startTime = instantOf(wallAheadMs + fromMs);
      const batch = this.#parts.startSpan("commit batch", { startTime, attributes, links }, ROOT_CONTEXT);
      if (failed) batch.setStatus(failure());
      batch.end(instantOf(wallAheadMs + toMs));
      const context = batch.spanContext();
      for (const { trace, sinceMs } of messages) {
        if (trace instanceof SpanTrace) trace.committed({ sinceMs, fromMs, toMs, batch: context });
      }
    });
  }

  spanCounts(): SpanCounts {
    return this.#queue.counts();
  }

  stop(): Promise<void> {
    return this.#queue.stop();
  }
}

function contextOf({ traceparent, tracestate }: Pick<BegunRequest, "traceparent" | "tracestate">): Context {
  const parent = parseTraceparent(traceparent);
  if (parent === undefined) return ROOT_CONTEXT;
  const { traceId, spanId, sampled } = parent;
  const state = parseTracestate(tracestate);
  return trace.setSpanContext(ROOT_CONTEXT, {
    traceId,
    spanId,
    traceFlags: Number(sampled),
    isRemote: true,
    ...(state !== undefined && { traceState: createTraceState(state) }),
  });
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

/** A fault in here costs a span, not a message. */
function quietly<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}

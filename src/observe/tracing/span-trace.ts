import {
  type Link,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  type SpanStatus,
  SpanStatusCode,
  TraceFlags,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import type { Attributes, EndedRequest, PartName, RequestTrace } from "../trace.ts";

export interface SpanTraceOptions {
  readonly span: Span;
  /** Makes the spans of the parts. */
  readonly parts: Tracer;
  /** The difference between the wall clock and the monotonic clock. */
  readonly wallAheadMs: number;
  readonly monotonic: () => number;
}

export interface CommittedMessage {
  readonly sinceMs: number;
  readonly fromMs: number;
  readonly toMs: number;
  readonly batch: SpanContext;
}

interface Part {
  readonly name: PartName;
  readonly fromMs: number;
  readonly toMs: number;
  readonly attributes: Attributes;
  readonly links: Link[];
}

/**
 * The maximum number of parts, more than enough: a request is verified, waits and is committed once
 * each.
 */
const PARTS_MAX = 8;

/**
 * The trace of one request. The spans of its parts are made after the response is written, so that
 * their cost is not part of the latency that they show.
 */
export class SpanTrace implements RequestTrace {
  readonly context: SpanContext;
  readonly #options: SpanTraceOptions;
  readonly #parts: Part[] = [];

  constructor(options: SpanTraceOptions) {
    this.#options = options;
    this.context = options.span.spanContext();
  }

  get traceId(): string {
    return this.context.traceId;
  }

  get spanId(): string {
    return this.context.spanId;
  }

  get sampled(): boolean {
    return (this.context.traceFlags & TraceFlags.SAMPLED) !== 0;
  }

  get traceparent(): string {
    return `00-${this.traceId}-${this.spanId}-0${Number(this.sampled)}`;
  }

  begin(name: PartName): (attributes?: Attributes) => void {
    if (!this.sampled) return () => {};
    const { monotonic } = this.#options;
    const fromMs = monotonic();
    return (attributes = {}) =>
      this.#add({ name, fromMs, toMs: monotonic(), attributes, links: [] });
  }

  part(name: PartName, fromMs: number, toMs: number): void {
    if (this.sampled) this.#add({ name, fromMs, toMs, attributes: {}, links: [] });
  }

  committed({ sinceMs, fromMs, toMs, batch }: CommittedMessage): void {
    this.part("wait", sinceMs, fromMs);
    if (this.sampled)
      this.#add({ name: "commit", fromMs, toMs, attributes: {}, links: [{ context: batch }] });
  }

  end({ atMs, attributes, failed }: EndedRequest): void {
    if (!this.sampled) return;
    const { span } = this.#options;
    try {
      const last = this.#parts.at(-1);
      // A message with a good signature fails in the part that it reached last.
      for (const part of this.#parts)
        this.#makeSpan(part, failed && part === last && part.name !== "verify");
      const ended = attributes();
      span.setAttributes(ended);
      if (failed) span.setStatus(failure(ended));
      span.end(this.#wallMs(atMs));
    } catch {
      // A fault here loses a span. The response is already written.
    }
  }

  #add(part: Part): void {
    if (this.#parts.length < PARTS_MAX) this.#parts.push(part);
  }

  #makeSpan({ name, fromMs, toMs, attributes, links }: Part, failed: boolean): void {
    const { span, parts } = this.#options;
    const options = { startTime: this.#wallMs(fromMs), attributes: { ...attributes }, links };
    const made = parts.startSpan(name, options, trace.setSpan(ROOT_CONTEXT, span));
    if (failed) made.setStatus(failure());
    made.end(this.#wallMs(toMs));
  }

  /** Milliseconds since 1970, as the SDK expects them. */
  #wallMs(atMs: number): number {
    return this.#options.wallAheadMs + atMs;
  }
}

/** The status of a failure of the service. */
export function failure(attributes: Attributes = {}): SpanStatus {
  const message = attributes["lyftr.error"];
  return { code: SpanStatusCode.ERROR, ...(typeof message === "string" && { message }) };
}

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
import { instantOf } from "./anchored-time.ts";
import { formatTraceparent } from "./traceparent.ts";

export interface SpanTraceOptions {
  readonly span: Span;
  /** Makes the spans of its parts. */
  readonly parts: Tracer;
  /** What is added to moments of the monotonic clock. */
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

/** A request is verified, waits and is committed, each at most once. */
const PARTS_MAX = 8;

/** One request. Its parts are remembered, and made spans of when its answer is out. */
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
    return formatTraceparent({ traceId: this.traceId, spanId: this.spanId, sampled: this.sampled });
  }

  begin(name: PartName): (attributes?: Attributes) => void {
    if (!this.sampled) return () => {};
    const { monotonic } = this.#options;
    const fromMs = monotonic();
    return (attributes = {}) => this.#add({ name, fromMs, toMs: monotonic(), attributes, links: [] });
  }

  part(name: PartName, fromMs: number, toMs: number): void {
    if (this.sampled) this.#add({ name, fromMs, toMs, attributes: {}, links: [] });
  }

  committed({ sinceMs, fromMs, toMs, batch }: CommittedMessage): void {
    this.part("wait", sinceMs, fromMs);
    if (this.sampled) this.#add({ name: "commit", fromMs, toMs, attributes: {}, links: [{ context: batch }] });
  }

  end({ atMs, attributes, failed }: EndedRequest): void {
    if (!this.sampled) return;
    const { span } = this.#options;
    try {
      const last = this.#parts.at(-1);
      // What fails after the signature is good fails where the message was last.
      for (const part of this.#parts) this.#makeSpan(part, failed && part === last && part.name !== "verify");
      const told = attributes();
      span.setAttributes(told);
      if (failed) span.setStatus(failure(told));
      span.end(this.#instant(atMs));
    } catch {
      // It costs a span; the answer is out.
    }
  }

  #add(part: Part): void {
    if (this.#parts.length < PARTS_MAX) this.#parts.push(part);
  }

  #makeSpan({ name, fromMs, toMs, attributes, links }: Part, failed: boolean): void {
    const { span, parts } = this.#options;
    const options = { startTime: this.#instant(fromMs), attributes: { ...attributes }, links };
    const made = parts.startSpan(name, options, trace.setSpan(ROOT_CONTEXT, span));
    if (failed) made.setStatus(failure());
    made.end(this.#instant(toMs));
  }

  #instant(ms: number) {
    return instantOf(this.#options.wallAheadMs + ms);
  }
}

/** The status of what went wrong here. */
export function failure(attributes: Attributes = {}): SpanStatus {
  const message = attributes["lyftr.error"];
  return { code: SpanStatusCode.ERROR, ...(typeof message === "string" && { message }) };
}

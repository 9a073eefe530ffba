// What the service knows about traces. Only `tracing/` imports OpenTelemetry, behind these
// interfaces.

export type Attributes = Readonly<Record<string, string | number | boolean>>;

/** The parts of a request that have their own span. */
export type PartName = "verify" | "wait" | "commit";

/** The start of a request. All moments are of the monotonic clock. */
export interface BegunRequest {
  readonly name: string;
  readonly atMs: number;
  /** The header fields as they arrived. Invalid ones are ignored. */
  readonly traceparent: unknown;
  readonly tracestate: unknown;
}

export interface EndedRequest {
  readonly atMs: number;
  /** Called for sampled requests only. */
  readonly attributes: () => Attributes;
  /** Whether the service failed. A wrong request is not a failure. */
  readonly failed: boolean;
}

/** The trace of one request. Without an endpoint there is none. */
export interface RequestTrace {
  readonly traceId: string;
  readonly spanId: string;
  /** Both ids as the value of the header field. */
  readonly traceparent: string;
  /** Begins a part. The function it returns ends the part. */
  begin(name: PartName): (attributes?: Attributes) => void;
  /** Adds a part that has already ended. */
  part(name: PartName, fromMs: number, toMs: number): void;
  end(end: EndedRequest): void;
}

/** A message that waits for its commit. */
export interface TracedWait {
  readonly trace: RequestTrace | undefined;
  readonly sinceMs: number;
}

/** A finished transaction, with all its messages. */
export interface CommittedBatch {
  readonly messages: readonly TracedWait[];
  readonly fromMs: number;
  readonly toMs: number;
  readonly failed: boolean;
}

export interface SpanCounts {
  readonly sent: number;
  /** Spans that the collector did not take. */
  readonly failed: number;
  /** Spans dropped because the queue was full. */
  readonly dropped: number;
}

export const NO_SPANS: SpanCounts = { sent: 0, failed: 0, dropped: 0 };

/** Makes traces and sends them. No method throws, and no request waits for one. */
export interface Tracing {
  begin(request: BegunRequest): RequestTrace | undefined;
  committed(batch: CommittedBatch): void;
  spanCounts(): SpanCounts;
  /** Sends the remaining spans, for two seconds at most. When it resolves, nothing is running. */
  stop(): Promise<void>;
}

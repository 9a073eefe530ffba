// What the service knows of traces. Only `tracing/` imports OpenTelemetry, behind these interfaces.

export type Attributes = Readonly<Record<string, string | number | boolean>>;

/** The parts of a request that have a span of their own. */
export type PartName = "verify" | "wait" | "commit";

/** A request that begins. All moments are of the monotonic clock. */
export interface BegunRequest {
  readonly name: string;
  readonly atMs: number;
  /** The header fields as they came. Invalid ones are ignored. */
  readonly traceparent: unknown;
  readonly tracestate: unknown;
}

export interface EndedRequest {
  readonly atMs: number;
  /** Called for sampled requests only. */
  readonly attributes: () => Attributes;
  /** Whether the service failed, as opposed to a request that was wrong. */
  readonly failed: boolean;
}

/** The trace of one request, handed on with it. Without an endpoint there is none. */
export interface RequestTrace {
  readonly traceId: string;
  readonly spanId: string;
  /** Both ids as the value of the header field. */
  readonly traceparent: string;
  /** Begins a part. The function it returns ends the part. */
  begin(name: PartName): (attributes?: Attributes) => void;
  /** Adds a part that is over. */
  part(name: PartName, fromMs: number, toMs: number): void;
  end(end: EndedRequest): void;
}

/** A message that waits for its commit. */
export interface TracedWait {
  readonly trace: RequestTrace | undefined;
  readonly sinceMs: number;
}

/** A transaction that is over, with all its messages. */
export interface CommittedBatch {
  readonly messages: readonly TracedWait[];
  readonly fromMs: number;
  readonly toMs: number;
  readonly failed: boolean;
}

export interface SpanCounts {
  readonly sent: number;
  /** The collector did not take them. */
  readonly failed: number;
  /** The queue was full. */
  readonly dropped: number;
}

export const NO_SPANS: SpanCounts = { sent: 0, failed: 0, dropped: 0 };

/** Makes traces and sends them. No method throws, and no request waits for one. */
export interface Tracing {
  begin(request: BegunRequest): RequestTrace | undefined;
  committed(batch: CommittedBatch): void;
  spanCounts(): SpanCounts;
  /** Sends what is left, for two seconds at most. Nothing is running once it resolves. */
  stop(): Promise<void>;
}

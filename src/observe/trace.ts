// What the service knows of traces. OpenTelemetry is behind these interfaces: nothing but tracing/ names it.

export type Attributes = Readonly<Record<string, string | number | boolean>>;

/** What a request does that has a span of its own. */
export type PartName = "verify" | "wait" | "commit";

/** A request that begins. Moments are of the monotonic clock, here and below. */
export interface BegunRequest {
  readonly name: string;
  readonly atMs: number;
  /** The fields of its header as they came; what is wrong with them is not the request's fault. */
  readonly traceparent: unknown;
  readonly tracestate: unknown;
}

export interface EndedRequest {
  readonly atMs: number;
  /** Asked only of what is sampled. */
  readonly attributes: () => Attributes;
  /** It failed here, not because of what was asked. */
  readonly failed: boolean;
}

/** The trace of one request, which is handed on with it. Where nothing is traced there is none. */
export interface RequestTrace {
  readonly traceId: string;
  readonly spanId: string;
  /** Both as the field of a header. */
  readonly traceparent: string;
  /** Begins a part that ends when the function it returns is called. */
  begin(name: PartName): (attributes?: Attributes) => void;
  /** A part that is over. */
  part(name: PartName, fromMs: number, toMs: number): void;
  end(end: EndedRequest): void;
}

/** A message that waits for its commit. */
export interface TracedWait {
  readonly trace: RequestTrace | undefined;
  readonly sinceMs: number;
}

/** A transaction that is over, with all whose messages were in it. */
export interface CommittedBatch {
  readonly messages: readonly TracedWait[];
  readonly fromMs: number;
  readonly toMs: number;
  readonly failed: boolean;
}

/** What became of the spans. */
export interface SpanCounts {
  readonly sent: number;
  /** The collector did not take them. */
  readonly failed: number;
  /** There was no room for them. */
  readonly dropped: number;
}

export const NO_SPANS: SpanCounts = { sent: 0, failed: 0, dropped: 0 };

/** Makes traces and sends them. Nothing of it throws, or makes anybody wait. */
export interface Tracing {
  begin(request: BegunRequest): RequestTrace | undefined;
  committed(batch: CommittedBatch): void;
  spanCounts(): SpanCounts;
  /** Sends what is left, for two seconds at most. Nothing runs any more when it resolves. */
  stop(): Promise<void>;
}

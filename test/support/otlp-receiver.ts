import { EventEmitter, once } from "node:events";
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { gunzipSync } from "node:zlib";
import { decodeJson, decodeProtobuf, type ReceivedSpan, type SpanId } from "./otlp-decode.ts";

/**
 * What it does with a request: accepts the spans, rejects one of them, never answers, answers
 * without an end, sends its answer byte by byte, or answers with a status (429 and 504 with a
 * `Retry-After`).
 */
export type Behaviour = "take" | "reject-one" | "hang" | "endless" | "drip" | number;

export interface ReceivedRequest {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly spans: readonly ReceivedSpan[];
}

/** A collector of traces: OTLP over HTTP, in either encoding. */
export interface OtlpReceiver {
  /** For OTEL_EXPORTER_OTLP_ENDPOINT. */
  readonly url: string;
  readonly requests: readonly ReceivedRequest[];
  /** All spans accepted so far. */
  spans(): readonly ReceivedSpan[];
  /** Resolves with the spans when they match. */
  until(fits: (spans: readonly ReceivedSpan[]) => boolean): Promise<readonly ReceivedSpan[]>;
  /** Requests whose answer has not ended. */
  open(): number;
  /** Resolves when this many requests have arrived, whatever the answers. */
  asked(times: number): Promise<void>;
  behave(behaviour: Behaviour): void;
  [Symbol.asyncDispose](): Promise<void>;
}

const WAIT_MS_MAX = 20_000;
const DRIP_EVERY_MS = 20;
const RETRY_AFTER_SECONDS: Readonly<Record<number, string>> = { 429: "1", 504: "4" };
/** ExportTraceServiceResponse { partial_success: { rejected_spans: 1 } } */
const ONE_REJECTED: Readonly<Record<string, Buffer>> = {
  "application/x-protobuf": Buffer.from([0x0a, 0x02, 0x08, 0x01]),
  "application/json": Buffer.from('{"partialSuccess":{"rejectedSpans":"1"}}'),
};
const DECODERS: Readonly<Record<string, (body: Buffer) => readonly ReceivedSpan[]>> = {
  "application/x-protobuf": decodeProtobuf,
  "application/json": decodeJson,
};

export async function startOtlpReceiver(first: Behaviour = "take"): Promise<OtlpReceiver> {
  let behaviour = first;
  let asked = 0;
  let open = 0;
  const problems: string[] = [];
  const requests: ReceivedRequest[] = [];
  const arrivals = new EventEmitter().setMaxListeners(0);
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    asked++;
    open++;
    response.once("close", () => open--);
    try {
      const received = await receive(request);
      if (behaviour === "take" || behaviour === "reject-one") requests.push(received);
    } catch (error) {
      problems.push(String(error));
    }
    arrivals.emit("request");
    if (behaviour === "hang") return;
    if (behaviour === "endless")
      for (;;) if (!response.write("{".repeat(1_000))) await once(response, "drain");
    if (behaviour === "drip")
      for (; !response.closed; await sleep(DRIP_EVERY_MS)) response.write(" ");
    const type = request.headers["content-type"] ?? "";
    const wait = RETRY_AFTER_SECONDS[Number(behaviour)];
    const status = typeof behaviour === "number" ? behaviour : 200;
    response.writeHead(status, { "content-type": type, ...(wait && { "retry-after": wait }) });
    if (behaviour === "reject-one") return void response.end(ONE_REJECTED[type]);
    response.end(type === "application/json" ? "{}" : "");
  };
  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const spans = () => requests.flatMap((request) => request.spans);
  const wait = async (done: () => boolean, what: () => string) => {
    const deadline = AbortSignal.timeout(WAIT_MS_MAX);
    while (!done()) {
      await once(arrivals, "request", { signal: deadline }).catch(() => {
        throw new Error(`not received in time: ${what()}`);
      });
    }
    if (problems.length > 0) throw new Error(problems.join("; "));
  };
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    spans,
    open: () => open,
    until: async (fits) => {
      await wait(
        () => fits(spans()),
        () =>
          spans()
            .map(({ name }) => name)
            .join(", "),
      );
      return spans();
    },
    asked: (times) =>
      wait(
        () => asked >= times,
        () => `${asked} requests`,
      ),
    behave: (next) => (behaviour = next),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function receive(request: IncomingMessage): Promise<ReceivedRequest> {
  const { url: path = "", headers, method } = request;
  const body = await buffer(request);
  const decode = DECODERS[headers["content-type"] ?? ""];
  if (method !== "POST" || decode === undefined)
    throw new Error(`${method} of ${headers["content-type"]}`);
  const spans = decode(headers["content-encoding"] === "gzip" ? gunzipSync(body) : body);
  for (const span of spans) requireShape(span);
  return { path, headers, spans };
}

/** What OTLP requires of every span. */
function requireShape(span: ReceivedSpan): void {
  const ids: readonly SpanId[] = [span, ...span.links];
  const goodIds = ids.every(
    ({ traceId, spanId }) =>
      /^(?!0+$)[0-9a-f]{32}$/.test(traceId) && /^(?!0+$)[0-9a-f]{16}$/.test(spanId),
  );
  const goodParent =
    span.parentSpanId === undefined || /^(?!0+$)[0-9a-f]{16}$/.test(span.parentSpanId);
  if (
    !goodIds ||
    !goodParent ||
    span.name === "" ||
    span.endNs < span.startNs ||
    span.startNs === 0n
  )
    throw new Error(
      `a span that is none: ${span.name} ${span.traceId} ${span.spanId} ${span.startNs} ${span.endNs}`,
    );
}

import type { ServerResponse } from "node:http";
import type { Attributes, Tracing } from "../observe/trace.ts";
import type { Runtime } from "../runtime.ts";
import { CLIENT_CLOSED_REQUEST, type Reply } from "./reply.ts";
import type { Request, Route } from "./route.ts";
import { maskedPath } from "./router.ts";

/** Node's parser knows some 35 methods. Those that no web service uses share one series. */
const METHODS = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);
/** The methods of OpenTelemetry's conventions. All others share one name. */
const TRACED_METHODS = new Set([...METHODS, "CONNECT", "TRACE"]);
/** The fields of a log line that are also attributes of the span. */
const TRACED_FIELDS = ["request_id", "message_id", "result", "conflict", "error"] as const;
const UNMATCHED = "unmatched";

export interface RequestLogOptions {
  readonly runtime: Pick<Runtime, "clock" | "log" | "metrics" | "newId">;
  readonly tracing: Pick<Tracing, "begin"> | undefined;
  /** False leaves successful answers of quiet routes out of the log. */
  readonly logHealth: boolean;
}

/**
 * Writes one log line, the metrics and the trace of each request, and tracks the requests under
 * way.
 */
export class RequestLog {
  readonly #options: RequestLogOptions;
  /** In the order of arrival. */
  readonly #inFlight = new Set<Request>();
  #draining = false;
  #idle: (() => void) | undefined;

  constructor(options: RequestLogOptions) {
    this.#options = options;
  }

  /**
   * Creates the counters of a route at zero. Otherwise Prometheus does not count the first error.
   */
  startCounting({ method, path }: Route): void {
    const { httpRequests } = this.#options.runtime.metrics;
    for (const status of ["200", "500", "503"]) httpRequests.inc({ method, path, status }, 0);
  }

  /**
   * Starts the log record of a request. It ends once, when the answer is sent or the connection is
   * closed.
   */
  begin(request: Request): void {
    this.#beginTrace(request);
    this.#inFlight.add(request);
    request.whenClosed(() => {
      const { response, outcome, target } = request;
      const ended = (reply?: Reply) => this.#leave(request, reply);
      if (response.writableFinished || outcome === undefined || !target.route?.outlivesClient)
        ended(request.reply);
      else outcome.then(ended, () => ended());
    });
  }

  /** From now on every answer closes its connection. Resolves when no request is under way. */
  async drain(): Promise<void> {
    this.#draining = true;
    if (this.#inFlight.size > 0) await new Promise<void>((resolve) => (this.#idle = resolve));
  }

  isDraining(): boolean {
    return this.#draining;
  }

  /** Whether any request is under way. */
  isBusy(): boolean {
    return this.#inFlight.size > 0;
  }

  /**
   * Resets the connections of incomplete answers. Over HTTP/1.0 a normal close would make an answer
   * look complete.
   */
  resetUnfinished(): void {
    for (const { response } of this.#inFlight)
      if (response.headersSent) response.socket?.resetAndDestroy();
  }

  /**
   * Closes the connections of clients that have not read their answer within this time after their
   * request.
   */
  cutSlow(msMax: number): void {
    const dueMs = this.#options.runtime.clock.monotonic() - msMax;
    for (const { startedMs, response, target } of this.#inFlight) {
      if (startedMs > dueMs) return;
      if (response.headersSent && !target.route?.streams) response.destroy();
    }
  }

  /** Marks the request of this response as broken: its connection got `reply` instead. */
  breakOff(response: ServerResponse, reply: Reply): void {
    for (const request of this.#inFlight) if (request.response === response) request.broken = reply;
  }

  /** Writes the log line and the metrics of bytes that never became a request. */
  endWithoutRequest({ status }: Reply): void {
    this.#count("OTHER", UNMATCHED, status);
    const id = this.#options.runtime.newId();
    this.#write(status, { request_id: id, method: null, path: null, status, latency_ms: 0 });
  }

  /** Writes the log line and the metrics of a request, and ends its trace. */
  end(request: Request, status: number, reply: Reply | undefined): void {
    const { method, target, trace, apiKey, broken } = request;
    const { clock, metrics } = this.#options.runtime;
    const { template, route } = target;
    const endedMs = clock.monotonic();
    const latencyMs = endedMs - request.startedMs;
    this.#count(METHODS.has(method) ? method : "OTHER", template ?? UNMATCHED, status);
    metrics.requestLatency.observe({ path: template ?? UNMATCHED }, latencyMs);
    const line: Record<string, unknown> = { request_id: request.id };
    if (trace !== undefined)
      Object.assign(line, { trace_id: trace.traceId, span_id: trace.spanId });
    line.method = method;
    line.path = template ?? maskedPath(request.url);
    line.status = status;
    line.latency_ms = Math.round(latencyMs);
    if (apiKey !== undefined) line.api_key = apiKey.name;
    if (reply?.log !== undefined) Object.assign(line, reply.log);
    if (broken?.log !== undefined) Object.assign(line, broken.log);
    if (route?.countsResults) this.#addResult(line, reply);
    const isLeftOut = route?.quiet && status < 400 && !this.#options.logHealth;
    if (!isLeftOut) this.#write(status, line);
    trace?.end({
      atMs: endedMs,
      attributes: () => attributesOf(request, line),
      failed: status >= 500,
    });
  }

  #leave(request: Request, reply: Reply | undefined): void {
    const { response, broken } = request;
    this.#inFlight.delete(request);
    const unfinished = broken?.status ?? CLIENT_CLOSED_REQUEST;
    this.end(request, response.writableFinished ? response.statusCode : unfinished, reply);
    if (this.#inFlight.size === 0) this.#idle?.();
  }

  #addResult(line: Record<string, unknown>, reply: Reply | undefined): void {
    const { webhookRequests, webhookConflicts } = this.#options.runtime.metrics;
    const result = reply?.result ?? "error";
    webhookRequests.inc({ result });
    if (line.conflict === true) webhookConflicts.inc();
    line.dup = result === "duplicate";
    line.result = result;
  }

  #count(method: string, path: string, status: number): void {
    this.#options.runtime.metrics.httpRequests.inc({ method, path, status: String(status) });
  }

  #write(status: number, line: Readonly<Record<string, unknown>>): void {
    const { log } = this.#options.runtime;
    // A webhook with a wrong signature may be a lost message. A read without a key loses nothing.
    if (status >= 500 || line.result === "invalid_signature") log.error(line);
    else if (status >= 400) log.warn(line);
    else log.info(line);
  }

  /** Starts the trace of a request, or continues the sender's, and adds its id to the answer. */
  #beginTrace(request: Request): void {
    const { tracing } = this.#options;
    const { route, template } = request.target;
    if (tracing === undefined || route?.untraced) return;
    const { traceparent, tracestate } = request.headers;
    const method = TRACED_METHODS.has(request.method) ? request.method : "HTTP";
    const name = route === undefined ? method : `${method} ${template}`;
    request.trace = tracing.begin({ name, atMs: request.startedMs, traceparent, tracestate });
    if (request.trace !== undefined) request.addHeaders({ traceparent: request.trace.traceparent });
  }
}

/**
 * The attributes of a request's span: OpenTelemetry's names for HTTP, the names of the log line for
 * the rest.
 */
function attributesOf(request: Request, line: Readonly<Record<string, unknown>>): Attributes {
  const { method, scheme, raw, target } = request;
  const { path, status } = line;
  const attributes: Record<string, string | number | boolean> = {
    "http.request.method": TRACED_METHODS.has(method) ? method : "_OTHER",
    "url.scheme": scheme,
    "url.path": String(path),
    "http.response.status_code": Number(status),
    "network.protocol.version": raw.httpVersion,
  };
  if (target.route !== undefined) attributes["http.route"] = target.route.path;
  if (Number(status) >= 500) attributes["error.type"] = String(status);
  for (const key of TRACED_FIELDS) {
    const value = line[key];
    if (typeof value === "string" || typeof value === "boolean") attributes[`lyftr.${key}`] = value;
  }
  return attributes;
}

import type { IncomingMessage, ServerResponse } from "node:http";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Clock } from "../domain/clock.ts";
import type { Log } from "../observe/log.ts";
import type { Metrics, ShedReason } from "../observe/metrics.ts";
import type { RequestTrace, Tracing } from "../observe/trace.ts";
import { attributesOf, beginTrace } from "./request-trace.ts";
import { maskedPath, pathOf, RouteTable } from "./route-table.ts";
import { setSecurityHeaders } from "./security-headers.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** Milliseconds of the monotonic clock at which the headers were there. */
    startedMs: number;
    /** Work whose outcome belongs into the log line and the metrics, even when the client did not wait for it. */
    pending: Promise<unknown> | undefined;
    /** What the route wants to see in the request's log line. */
    logged: Readonly<Record<string, unknown>>;
    /** Undefined when nothing is traced. */
    trace: RequestTrace | undefined;
  }
  interface FastifyContextConfig {
    /** Sends what may take any time to be taken, and sees to it itself that it is. */
    streams?: true;
    /** Asked every few seconds by machines; see {@link AccessOptions.logHealth}. */
    probe?: true;
    /** Adds to metrics and the log line of a route when its answer is out. */
    finished?: (request: FastifyRequest, status: number) => Readonly<Record<string, unknown>>;
  }
}

const REQUEST_ID = /^[A-Za-z0-9._-]{1,64}$/;
/** The client went away before its answer was out; nginx's number for it. */
export const CLIENT_CLOSED_REQUEST = 499;
/** Node's parser knows some 35 methods; whatever is no method of a web service shares one series. */
const METHODS = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);
const UNMATCHED = "unmatched";

export interface AccessOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Pick<Metrics, "httpRequests" | "requestLatency">;
  readonly newId: () => string;
  readonly tracing?: Pick<Tracing, "begin"> | undefined;
  /** False leaves healthy answers to probes out of the log. */
  readonly logHealth?: boolean;
}

/** A request that is refused because there are too many. */
export interface ShedRequest {
  readonly id: string;
  readonly status: number;
  readonly shed: ShedReason;
  readonly latencyMs: number;
  readonly dup?: boolean;
  readonly result?: string;
}

/** The id of a request: the caller's when it is a sane one, else a new one. */
export function requestId(given: string | string[] | undefined, newId: () => string): string {
  return typeof given === "string" && REQUEST_ID.test(given) ? given : newId();
}

/** Around every route: the request id, exactly one log line, and the metrics. */
export class Access {
  readonly #options: AccessOptions;
  readonly #routes = new RouteTable();
  readonly #inFlight = new Set<FastifyReply>();
  readonly #brokenOff = new WeakMap<ServerResponse, number>();
  #draining = false;
  #idle: (() => void) | undefined;

  constructor(options: AccessOptions) {
    this.#options = options;
  }

  install(server: FastifyInstance): void {
    server.addHook("onRoute", ({ url, method }) => this.#routes.add(url, [method].flat()));
    server.decorateRequest("startedMs", 0);
    server.decorateRequest("logged", null as never);
    server.decorateRequest("pending", undefined);
    server.decorateRequest("trace", undefined);
    server.addHook("onRequest", (request, reply, done) => {
      this.begin(request, reply);
      done();
    });
  }

  /** The methods a path answers to; none when there is no such route. */
  methodsOf(path: string): readonly string[] {
    return this.#routes.methodsOf(path);
  }

  /** Opens the account of a request. It is closed once, when its answer is out or its connection gone. */
  begin(request: FastifyRequest, reply: FastifyReply): void {
    request.startedMs = this.#options.clock.monotonic();
    reply.header("x-request-id", request.id);
    setSecurityHeaders(reply);
    const { tracing } = this.#options;
    if (tracing !== undefined) beginTrace(tracing, request, reply);
    this.#inFlight.add(reply);
    if (this.#draining) closeAfter(reply);
    const ended = () => {
      this.#inFlight.delete(reply);
      this.#end(request, reply);
      if (this.#inFlight.size === 0) this.#idle?.();
    };
    reply.raw.once("close", () => {
      if (reply.raw.writableFinished || request.pending === undefined) ended();
      else request.pending.then(ended, ended);
    });
  }

  /** From now on every answer closes its connection, those to requests under way too. Resolves when no request is under way. */
  async drain(): Promise<void> {
    this.#draining = true;
    for (const reply of this.#inFlight) closeAfter(reply);
    if (this.#inFlight.size > 0) await new Promise<void>((resolve) => (this.#idle = resolve));
  }

  /** Breaks off the answers that have begun: a connection that merely closes ends an answer to HTTP/1.0 as if it were the whole. */
  breakOff(): void {
    for (const { raw } of this.#inFlight) if (raw.headersSent) raw.socket?.resetAndDestroy();
  }

  /** Cuts those off that have not taken their answer so many milliseconds after they asked. */
  cutSlow(msMax: number): void {
    const dueMs = this.#options.clock.monotonic() - msMax;
    // In the order they came in.
    for (const { request, raw } of this.#inFlight) {
      if (request.startedMs > dueMs) return;
      if (raw.headersSent && !request.routeOptions.config.streams) raw.destroy();
    }
  }

  draining(): boolean {
    return this.#draining;
  }

  /** The request cannot be finished; the connection was told `status` instead. */
  brokenOff(response: ServerResponse, status: number): void {
    this.#brokenOff.set(response, status);
  }

  /** The line and the samples of a request that was answered before the router saw it. */
  shed({ method = "", url = "" }: IncomingMessage, { id, status, latencyMs, ...logged }: ShedRequest): void {
    const template = this.#routes.templateOf(pathOf(url));
    this.#count(METHODS.has(method) ? method : "OTHER", template, status);
    this.#options.metrics.requestLatency.observe({ path: template ?? UNMATCHED }, latencyMs);
    const line = { request_id: id, method, path: template ?? maskedPath(url), status };
    this.#write(status, { ...line, latency_ms: Math.round(latencyMs), ...logged });
  }

  /** The line and the sample of a request that never became one: its bytes were not HTTP. */
  refused(status: number): void {
    this.#count("OTHER", undefined, status);
    this.#write(status, { request_id: this.#options.newId(), method: null, path: null, status, latency_ms: 0 });
  }

  #end(request: FastifyRequest, reply: FastifyReply): void {
    const broken = this.#brokenOff.get(reply.raw) ?? CLIENT_CLOSED_REQUEST;
    const status = reply.raw.writableFinished ? reply.raw.statusCode : broken;
    // A getter that makes an object each time.
    const { url, config } = request.routeOptions;
    const template = url ?? this.#routes.templateOf(pathOf(request));
    const endedMs = this.#options.clock.monotonic();
    const latencyMs = endedMs - request.startedMs;
    this.#count(METHODS.has(request.method) ? request.method : "OTHER", template, status);
    this.#options.metrics.requestLatency.observe({ path: template ?? UNMATCHED }, latencyMs);
    const { trace } = request;
    const line = {
      request_id: request.id,
      ...(trace && { trace_id: trace.traceId, span_id: trace.spanId }),
      method: request.method,
      path: template ?? maskedPath(request.originalUrl),
      status,
      latency_ms: Math.round(latencyMs),
      ...(request.apiKey && { api_key: request.apiKey.name }),
      ...request.logged,
      ...config.finished?.(request, status),
    };
    const isLeftOut = config.probe && status < 400 && this.#options.logHealth === false;
    if (!isLeftOut) this.#write(status, line);
    trace?.end({ atMs: endedMs, attributes: () => attributesOf(request, line), failed: status >= 500 });
  }

  #count(method: string, template: string | undefined, status: number): void {
    this.#options.metrics.httpRequests.inc({ method, path: template ?? UNMATCHED, status: String(status) });
  }

  #write(status: number, line: Record<string, unknown>): void {
    const { log } = this.#options;
    // A webhook with a wrong signature is a message that may be missed; a read without a key is nobody's loss.
    if (status >= 500 || line.result === "invalid_signature") log.error(line);
    else if (status >= 400) log.warn(line);
    else log.info(line);
  }
}

function closeAfter(reply: FastifyReply): void {
  reply.raw.shouldKeepAlive = false;
}

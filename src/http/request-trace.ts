import type { FastifyReply, FastifyRequest } from "fastify";
import type { Attributes, Tracing } from "../observe/trace.ts";

declare module "fastify" {
  interface FastifyContextConfig {
    /** Asked for every few seconds by whoever watches the service: its traces would be most of all. */
    untraced?: true;
  }
}

/** What OpenTelemetry's conventions know as methods; the others share a name. */
const METHODS = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE"]);
/** What of a log line is told of a span as well. */
const TOLD = ["request_id", "message_id", "result", "conflict", "error"] as const;

/** Begins the trace of a request, or goes on with its sender's, and says in the answer which it is. */
export function beginTrace(tracing: Pick<Tracing, "begin">, request: FastifyRequest, reply: FastifyReply): void {
  const { url, config } = request.routeOptions;
  if (config.untraced) return;
  const { traceparent, tracestate } = request.headers;
  const method = METHODS.has(request.method) ? request.method : "HTTP";
  const name = url === undefined ? method : `${method} ${url}`;
  request.trace = tracing.begin({ name, atMs: request.startedMs, traceparent, tracestate });
  if (request.trace !== undefined) reply.header("traceparent", request.trace.traceparent);
}

/** What a span says of its request: HTTP by OpenTelemetry's names, the rest as the log line has it. */
export function attributesOf(
  { method, protocol, raw, routeOptions: { url } }: FastifyRequest,
  line: Readonly<Record<string, unknown>>,
): Attributes {
  const { path, status } = line;
  const attributes: Record<string, string | number | boolean> = {
    "http.request.method": METHODS.has(method) ? method : "_OTHER",
    "url.scheme": protocol,
    "url.path": String(path),
    "http.response.status_code": Number(status),
    "network.protocol.version": raw.httpVersion,
  };
  if (url !== undefined) attributes["http.route"] = url;
  if (Number(status) >= 500) attributes["error.type"] = String(status);
  for (const key of TOLD) {
    const value = line[key];
    if (typeof value === "string" || typeof value === "boolean") attributes[`lyftr.${key}`] = value;
  }
  return attributes;
}

import { STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import { Readable } from "node:stream";
import type { Connections } from "./connections.ts";
import { isLast } from "./framing.ts";
import {
  CLIENT_CLOSED_REQUEST,
  type Headers,
  problemBody,
  type Reply,
  replyToFailure,
  type Stream,
} from "./reply.ts";
import type { RequestLog } from "./request-log.ts";
import type { Request } from "./route.ts";

/**
 * The security headers of every answer. The browser must not guess its type, show it in a frame,
 * share it with other sites, load or run anything for it, send its URL as a referrer, or cache it.
 * Some replies replace one of them: pages of documentation have their own policy, and lists may be
 * cached.
 */
const SECURITY_HEADERS: Headers = {
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cross-origin-resource-policy": "same-origin",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "cache-control": "no-store",
};

/**
 * Turns replies into bytes. Its {@link RequestLog} writes the log line, the metrics and the trace
 * of each.
 */
export class Writer {
  readonly log: RequestLog;
  readonly #random: () => number;

  constructor(log: RequestLog, random: () => number) {
    this.log = log;
    this.#random = random;
  }

  /** Answers a request whose record has begun. The record ends when the answer is sent. */
  write(request: Request, reply: Reply): void {
    request.reply = reply;
    const { response } = request;
    if (response.destroyed) return;
    if (this.log.isDraining() || isLast(request.raw)) response.shouldKeepAlive = false;
    const { text, type } = bodyOf(request, reply);
    const headers: Record<string, string | number | string[]> = {
      "x-request-id": request.id,
      ...SECURITY_HEADERS,
      ...request.answerHeaders,
    };
    if (type !== undefined) headers["content-type"] = type;
    if (text !== undefined) headers["content-length"] = Buffer.byteLength(text);
    if (reply.cookies !== undefined) headers["set-cookie"] = [...reply.cookies];
    response.writeHead(
      reply.status,
      reply.headers === undefined ? headers : { ...headers, ...reply.headers },
    );
    if (reply.stream !== undefined && request.method !== "HEAD") this.#send(request, reply.stream);
    else response.end(text);
  }

  /** Answers a request that is refused before its record has begun, and logs it at once. */
  refuse(request: Request, reply: Reply): void {
    const { isGone } = request;
    if (!isGone) this.write(request, reply);
    this.log.end(request, isGone ? CLIENT_CLOSED_REQUEST : reply.status, reply);
  }

  /**
   * Refuses bytes that are not an HTTP request, or a request that took too long, and closes the
   * connection. Complete requests before it are answered first.
   */
  refuseConnection(connections: Connections, socket: Socket, reply: Reply): void {
    const connection = connections.of(socket);
    // More bytes of what has been refused already.
    if (connection === undefined || connection.isEnding) return;
    connection.endAfterAnswers((broken) => {
      // A request whose body turned out not to be HTTP already has its own log line.
      if (broken === undefined) this.log.endWithoutRequest(reply);
      else this.log.breakOff(broken, reply);
      connection.end(bytesOf(reply));
    });
  }

  /**
   * Sends a body while it is generated. If it cannot be completed, the answer must not look
   * complete.
   */
  #send(request: Request, { text, cut }: Stream): void {
    const { response } = request;
    const body = Readable.from(text, { objectMode: false });
    const breakOff = (error: unknown) => {
      if (response.destroyed) return;
      request.broken = replyToFailure(error, this.#random);
      // For a client of HTTP/1.0 the end of the connection is the end of the answer, unless it is a
      // reset.
      response.socket?.resetAndDestroy();
    };
    cut.addEventListener("abort", () => breakOff(cut.reason));
    body.on("error", breakOff);
    request.whenClosed(() => body.destroy());
    body.pipe(response);
  }
}

function bodyOf(request: Request, { status, body, type = "application/json", problem }: Reply) {
  if (problem !== undefined) return problemBody(request.headers.accept, status, problem);
  return body === undefined ? { text: undefined, type: undefined } : { text: body, type };
}

/** A reply as bytes, for a connection that Node's server no longer handles. */
function bytesOf({ status, problem = { detail: "" } }: Reply): string {
  const { text, type } = problemBody(undefined, status, problem);
  const headers = {
    "content-type": type,
    "content-length": Buffer.byteLength(text),
    connection: "close",
    ...SECURITY_HEADERS,
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} ${problem.detail || STATUS_CODES[status]}\r\n${lines.join("")}\r\n${text}`;
}

import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { FastifyReply, FastifyRequest } from "fastify";
import { sendProblem } from "./problem.ts";

const HEADERS_MAX = 100;

/** Connections on which a request was ambiguous: what follows on them may be the rest of it. */
const distrusted = new WeakSet<Socket>();

/** Refuses a request that two parsers in a row might see differently, and never looks at what comes behind it on its connection. */
export function requireClearFraming(request: FastifyRequest, reply: FastifyReply, done: () => void): void {
  const { socket } = request.raw;
  if (distrusted.has(socket)) {
    // The answer to the ambiguous one is about to close the connection.
    reply.hijack();
  } else if (isUnambiguous(request.raw)) {
    done();
  } else {
    distrusted.add(socket);
    sendProblem(request, reply, { status: 400, detail: "Bad Request", headers: { connection: "close" } });
  }
}

/** Whether a request is sound, and comes behind none on its connection that was not. */
export function isClear(request: IncomingMessage): boolean {
  return !distrusted.has(request.socket) && isUnambiguous(request);
}

/**
 * HTTP/1.0 or 1.1, one Host, no transfer coding but `chunked` and none with HTTP/1.0, not more headers than are kept.
 * What the parser of Node refuses by itself (CL with TE, folded lines, bare LF) does not come this far.
 */
function isUnambiguous({ rawHeaders, headers, httpVersion }: IncomingMessage): boolean {
  if (rawHeaders.length > 2 * HEADERS_MAX) return false;
  let hosts = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    if (rawHeaders[at]?.length === 4 && rawHeaders[at]?.toLowerCase() === "host") hosts++;
  }
  if (hosts > 1 || (hosts === 0 && httpVersion === "1.1")) return false;
  const coding = headers["transfer-encoding"];
  if (httpVersion === "1.0") return coding === undefined;
  return httpVersion === "1.1" && (coding === undefined || coding.toLowerCase() === "chunked");
}

import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";

const HEADERS_MAX = 100;

/** Connections on which a request was ambiguous: what follows on them may be the rest of it. */
const distrusted = new WeakSet<Socket>();

/**
 * Whether two parsers in a row see a request the same way. What follows an ambiguous one on its connection is
 * `distrusted`: it is never looked at, and the answer to the ambiguous one is about to close the connection.
 */
export function framingOf(request: IncomingMessage): "clear" | "ambiguous" | "distrusted" {
  const { socket } = request;
  if (distrusted.has(socket)) return "distrusted";
  if (isUnambiguous(request)) return "clear";
  distrusted.add(socket);
  return "ambiguous";
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

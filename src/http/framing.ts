import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";

const HEADERS_MAX = 100;

/** Connections with an ambiguous request: the data after it may belong to it. */
const distrusted = new WeakSet<Socket>();

/**
 * Whether two parsers in a row understand a request in the same way. Data after an ambiguous
 * request is `distrusted`: it is never handled. The answer to the ambiguous request closes the
 * connection.
 */
export function framingOf(request: IncomingMessage): "clear" | "ambiguous" | "distrusted" {
  const { socket } = request;
  if (distrusted.has(socket)) return "distrusted";
  if (isUnambiguous(request)) return "clear";
  distrusted.add(socket);
  return "ambiguous";
}

/** Whether a request is unambiguous, and so are all earlier ones on its connection. */
export function isClear(request: IncomingMessage): boolean {
  return !distrusted.has(request.socket) && isUnambiguous(request);
}

/**
 * HTTP/1.0 or 1.1, one Host, no transfer coding except `chunked` and none with HTTP/1.0, and not
 * more headers than are kept. Node's parser itself refuses CL with TE, folded lines and bare LF.
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

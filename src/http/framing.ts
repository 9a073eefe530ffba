import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";

const HEADERS_MAX = 100;

type Framing = "clear" | "last" | "ambiguous" | "distrusted";

/** Connections with an ambiguous or a last request: the data after it is not handled. */
const distrusted = new WeakSet<Socket>();
const known = new WeakMap<IncomingMessage, Framing>();

/**
 * Whether two parsers in a row understand a request in the same way. Data after an ambiguous
 * request is `distrusted`: it may belong to it, and is never handled. The answer to the ambiguous
 * request closes the connection.
 *
 * A request that asks for another protocol is answered as if it did not, and is the `last` of its
 * connection. Node's parser drops the bytes that arrived in the same read behind it. Without the
 * end of the connection, their sender would wait for an answer in vain.
 *
 * Must be called first when the request arrives. A request may wait for its turn until an ambiguous
 * one has arrived behind it, and is handled all the same.
 */
export function framingOf(request: IncomingMessage): Framing {
  const before = known.get(request);
  if (before !== undefined) return before;
  const framing = framingAtArrival(request);
  known.set(request, framing);
  return framing;
}

function framingAtArrival(request: IncomingMessage): Framing {
  const { socket } = request;
  if (distrusted.has(socket)) return "distrusted";
  const isSound = isUnambiguous(request);
  if (isSound && !asksForUpgrade(request)) return "clear";
  distrusted.add(socket);
  return isSound ? "last" : "ambiguous";
}

/** Whether a request is unambiguous, and so are all earlier ones on its connection. */
export function isClear(request: IncomingMessage): boolean {
  return framingOf(request) === "clear" || isLast(request);
}

/** Whether the connection ends with the answer to a request that is clear. */
export function isLast(request: IncomingMessage): boolean {
  return known.get(request) === "last";
}

function asksForUpgrade({ headers }: IncomingMessage): boolean {
  return headers.upgrade !== undefined && /upgrade/i.test(headers.connection ?? "");
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

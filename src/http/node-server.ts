import { createServer, type IncomingMessage, type RequestListener, type Server } from "node:http";
import type { Duplex } from "node:stream";
import type { Metrics } from "../observe/metrics.ts";

// Node's own defaults leave a slow socket open for minutes.
const HEADERS_MS_MAX = 10_000;
const REQUEST_MS_MAX = 15_000;
const TIMEOUTS_CHECKED_EVERY_MS = 500;
const KEEP_ALIVE_MS = 72_000;
/** Some 15 kB of memory each, those with a request under way some 60 kB. */
const CONNECTIONS_MAX = 10_000;

export interface NodeServerOptions {
  readonly handle: RequestListener;
  /** Answers a request that shall not reach the handler, and says whether it did. */
  readonly refuses: (...of: Parameters<RequestListener>) => boolean;
  readonly refuseConnect: (socket: Duplex) => void;
  readonly bodyBytesMax: number;
  readonly metrics: Pick<Metrics, "connectionsOpen" | "connectionsRefused">;
}

/** Node's server with limits, in front of whatever answers. */
export function nodeServer({ handle, refuses, refuseConnect, bodyBytesMax, metrics }: NodeServerOptions): Server {
  const server = createServer({
    headersTimeout: HEADERS_MS_MAX,
    requestTimeout: REQUEST_MS_MAX,
    connectionsCheckingInterval: TIMEOUTS_CHECKED_EVERY_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    // Node would answer these itself, without a body and a log line; framing.ts does it.
    requireHostHeader: false,
  });
  // More headers than this would be dropped silently, a signature among them; 0 lets framing.ts see and refuse them.
  server.maxHeadersCount = 0;
  // A client may close its half of the connection once it has sent its request; it still gets its answer.
  Object.assign(server, { httpAllowHalfOpen: true });
  server.maxConnections = CONNECTIONS_MAX;
  server.on("drop", () => metrics.connectionsRefused.inc());
  server.on("connection", (socket) => {
    metrics.connectionsOpen.inc();
    socket.once("close", () => metrics.connectionsOpen.dec());
  });
  server.on("request", (request, response) => {
    if (!refuses(request, response)) handle(request, response);
  });
  server.on("checkContinue", (request: IncomingMessage, response) => {
    if (refuses(request, response)) return;
    // Do not ask for a body that will be refused.
    if (!(Number(request.headers["content-length"]) > bodyBytesMax)) response.writeContinue();
    handle(request, response);
  });
  // Other expectations are not met, and not worth refusing a message for.
  server.on("checkExpectation", (request, response) => {
    server.emit("request", request, response);
  });
  server.on("connect", (_request, socket) => refuseConnect(socket));
  return server;
}

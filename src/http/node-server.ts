import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Connections } from "./connections.ts";

// Node's own defaults leave a slow socket open for minutes.
const HEADERS_MS_MAX = 10_000;
const REQUEST_MS_MAX = 15_000;
const TIMEOUTS_CHECKED_EVERY_MS = 500;
const KEEP_ALIVE_MS = 72_000;

export interface NodeServerOptions {
  readonly handle: RequestListener;
  /** Lets a request go on with `handle`, now or in its turn, or refuses it. */
  readonly admit: (request: IncomingMessage, response: ServerResponse, handle: () => void) => void;
  /** Refuses a request because too many are under way on its connection. */
  readonly refusePipelined: (...of: Parameters<RequestListener>) => void;
  readonly refuseConnect: (socket: Socket) => void;
  readonly connections: Connections;
  readonly bodyBytesMax: number;
}

/** Node's server with limits, in front of whatever answers. */
export function nodeServer(options: NodeServerOptions): Server {
  const { handle, admit, refusePipelined, refuseConnect, connections, bodyBytesMax } = options;
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
  connections.watch(server);
  const take = (request: IncomingMessage, response: ServerResponse, handleIt: () => void) =>
    connections.admit(request, response, {
      handle: () => admit(request, response, handleIt),
      refuse: () => refusePipelined(request, response),
    });
  server.on("request", (request, response) => take(request, response, () => handle(request, response)));
  server.on("checkContinue", (request: IncomingMessage, response: ServerResponse) => {
    take(request, response, () => {
      // Do not ask for a body that will be refused.
      if (!(Number(request.headers["content-length"]) > bodyBytesMax)) response.writeContinue();
      handle(request, response);
    });
  });
  // Other expectations are not met, and not worth refusing a message for.
  server.on("checkExpectation", (request, response) => {
    server.emit("request", request, response);
  });
  // Its stream may be one that Node has put around the socket.
  server.on("connect", (request) => refuseConnect(request.socket));
  return server;
}

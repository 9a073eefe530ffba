import { lookup } from "node:dns/promises";
import {
  createServer,
  type IncomingMessage,
  type Server as NodeServer,
  type ServerResponse,
} from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { setImmediate as nextTurn } from "node:timers/promises";
import { within } from "../domain/clock.ts";
import type { Tracing } from "../observe/trace.ts";
import type { Runtime } from "../runtime.ts";
import { AdmissionControl, type Queue } from "./admission-control.ts";
import type { Auth } from "./auth.ts";
import { inNetworks } from "./client-address.ts";
import { Connections } from "./connections.ts";
import { Cors } from "./cors.ts";
import { Handler } from "./handler.ts";
import { localUrl } from "./listen-address.ts";
import { LoadShedder } from "./load-shedder.ts";
import type { RateLimiting } from "./rate-limit.ts";
import { problem, type Reply } from "./reply.ts";
import { RequestLog } from "./request-log.ts";
import { Request, type RequestContext, type Route } from "./route.ts";
import { Router } from "./router.ts";
import { Writer } from "./writer.ts";

// Node's own defaults leave a slow socket open for minutes.
const HEADERS_MS_MAX = 10_000;
const REQUEST_MS_MAX = 15_000;
const TIMEOUTS_CHECKED_EVERY_MS = 500;
const KEEP_ALIVE_MS = 72_000;
// Under a steady stream of requests there is always one under way, so after this time the port is
// closed anyway.
const READINESS_HEARD_MS = 2_000;
/**
 * A list of the longest messages has 1.6 MB. A client that takes longer holds it in memory on
 * purpose, or has disconnected.
 */
const ANSWER_MS_MAX = 30_000;
/**
 * The maximum number of turns in which waiting connections are accepted: some hundred milliseconds
 * under load.
 */
const ACCEPTING_TURNS_MAX = 100;
const BACKLOG_CONNECTIONS = 4_096;
const REQUEST_ID = /^[A-Za-z0-9._-]{1,64}$/;

const NOT_HTTP = problem(400, "Bad Request");
const NO_PROXY = problem(405, "Method Not Allowed");
/** The errors of Node's parser by code. All others are {@link NOT_HTTP}. */
const REFUSALS: Readonly<Record<string, Reply>> = {
  ERR_HTTP_REQUEST_TIMEOUT: problem(408, "Request Timeout"),
  HPE_HEADER_OVERFLOW: problem(431, "Request Header Fields Too Large"),
};

export interface ServerSettings {
  readonly host: string;
  readonly port: number;
  /** The longest body of any route. */
  readonly bodyBytesMax: number;
  /** The maximum number of connections at a time. */
  readonly connectionsMax: number;
  /** The networks whose X-Forwarded-For is trusted. */
  readonly trustProxy: readonly string[];
  /** Origins of pages that may read. */
  readonly corsOrigins: readonly string[];
  readonly logHealth: boolean;
  readonly answerMsMax?: number;
}

export interface ServerOptions {
  readonly settings: ServerSettings;
  readonly routes: readonly Route[];
  readonly runtime: Runtime;
  readonly auth: Auth;
  readonly limiting: RateLimiting;
  /** The messages that wait for their commit. */
  readonly queue: Queue;
  readonly tracing: Pick<Tracing, "begin"> | undefined;
}

/** The HTTP server. From {@link Server.listen} to {@link Server.close} it accepts connections. */
export class Server {
  readonly #settings: ServerSettings;
  readonly #runtime: Runtime;
  readonly #router: Router;
  readonly #connections: Connections;
  readonly #log: RequestLog;
  readonly #writer: Writer;
  readonly #handler: Handler;
  readonly #admission: AdmissionControl;
  readonly #shedder: LoadShedder;
  readonly #context: RequestContext;
  readonly #http: NodeServer[] = [];
  readonly #closing = new AbortController();
  #watching: Promise<void> | undefined;

  static async listen(options: ServerOptions): Promise<Server> {
    const server = new Server(options);
    await server.#listen();
    return server;
  }

  private constructor({
    settings,
    routes,
    runtime,
    auth,
    limiting,
    queue,
    tracing,
  }: ServerOptions) {
    this.#settings = settings;
    this.#runtime = runtime;
    this.#router = new Router(routes);
    const isProxy = inNetworks(settings.trustProxy);
    const { connectionsMax, bodyBytesMax } = settings;
    this.#connections = new Connections({ connectionsMax, isProxy, runtime });
    this.#log = new RequestLog({ runtime, tracing, logHealth: settings.logHealth });
    for (const route of routes) if (route.countsResults) this.#log.startCounting(route);
    this.#writer = new Writer(this.#log, runtime.random);
    const cors = new Cors(settings.corsOrigins);
    this.#handler = new Handler({ writer: this.#writer, cors, auth, limiting, runtime });
    this.#admission = new AdmissionControl(queue);
    const isDraining = () => this.#log.isDraining();
    this.#context = { isProxy, isDraining };
    this.#shedder = new LoadShedder({
      admission: this.#admission,
      refuse: (request, reply) => this.#handler.refuse(request, reply),
      isDraining,
      runtime,
      bodyBytesMax,
    });
  }

  /** Where it listens, for example `http://127.0.0.1:8000`. */
  get url(): string {
    const { host, port } = this.#settings;
    const address = this.#http[0]?.address();
    return localUrl(host, typeof address === "object" && address !== null ? address.port : port);
  }

  /**
   * Shuts down: readiness turns 503; requests under way are answered while new connections are
   * still accepted; then the port closes. Resolves within `ms`: connections that are still open
   * then are reset.
   */
  async close(ms: number): Promise<void> {
    const { clock } = this.#runtime;
    const deadline = clock.monotonic() + ms;
    const quiet = this.#untilQuiet();
    this.#shedder.releaseAll();
    await within(clock, Math.min(ms, READINESS_HEARD_MS), quiet);
    await this.#acceptWaiting();
    // Must be in the same turn as the check that no connection waits.
    const closed = this.#http.map((http) => new Promise((resolve) => http.close(resolve)));
    await within(clock, deadline - clock.monotonic(), Promise.all(closed));
    this.#log.resetUnfinished();
    this.#connections.destroyAll();
    await Promise.all(closed);
    this.#closing.abort();
    await this.#watching;
  }

  async #listen(): Promise<void> {
    const { host, port, answerMsMax = ANSWER_MS_MAX } = this.#settings;
    const first = await this.#listenOn(host, port);
    // It stands for 127.0.0.1 and ::1, if both exist.
    const others = host === "localhost" ? await lookup(host, { all: true }) : [];
    for (const { address } of others.filter((other) => other.address !== first.address))
      await this.#listenOn(address, first.port).catch(() => undefined);
    this.#watching = this.#admission.watch(this.#runtime.clock, this.#closing.signal, () => {
      this.#shedder.release();
      this.#log.cutSlow(answerMsMax);
      return this.#log.isBusy() || this.#shedder.isBusy();
    });
  }

  async #listenOn(host: string, port: number): Promise<AddressInfo> {
    const http = this.#createServer();
    const listening = Promise.withResolvers<void>();
    http
      .once("error", listening.reject)
      .listen({ host, port, backlog: BACKLOG_CONNECTIONS }, listening.resolve);
    await listening.promise;
    http.off("error", listening.reject);
    this.#http.push(http);
    return http.address() as AddressInfo;
  }

  /** Node's server, with time limits. */
  #createServer(): NodeServer {
    const http = createServer({
      headersTimeout: HEADERS_MS_MAX,
      requestTimeout: REQUEST_MS_MAX,
      connectionsCheckingInterval: TIMEOUTS_CHECKED_EVERY_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
      // Node would answer these itself, without a body and a log line. framing.ts does it instead.
      requireHostHeader: false,
    });
    // Node would silently drop headers beyond a limit, perhaps a signature. With 0, framing.ts sees
    // and refuses them.
    http.maxHeadersCount = 0;
    // A client may close its half of the connection after its request, and still gets its answer.
    Object.assign(http, { httpAllowHalfOpen: true });
    this.#connections.watch(http);
    http.on("request", (raw, response) => this.#take(raw, response));
    http.on("checkContinue", (raw, response) =>
      this.#take(raw, response, () => this.#continue(raw, response)),
    );
    // Other expectations are ignored: they do not justify refusing a message.
    http.on("checkExpectation", (raw, response) => this.#take(raw, response));
    // Its stream may be one that Node has put around the socket.
    http.on("connect", ({ socket }) => this.#refuseConnect(socket));
    http.on("clientError", (error, socket) => this.#refuseNotHttp(error, socket as Socket));
    return http;
  }

  #take(raw: IncomingMessage, response: ServerResponse, before = () => {}): void {
    const request = () => this.#requestOf(raw, response);
    this.#connections.admit(raw, response, {
      handle: () => {
        const own = request();
        this.#shedder.admit(own, () => {
          before();
          void this.#handler.handle(own);
        });
      },
      refuse: () => this.#shedder.refusePipelined(request()),
    });
  }

  #requestOf(raw: IncomingMessage, response: ServerResponse): Request {
    const given = raw.headers["x-request-id"];
    return new Request({
      raw,
      response,
      target: this.#router.find(raw),
      id: typeof given === "string" && REQUEST_ID.test(given) ? given : this.#runtime.newId(),
      startedMs: this.#runtime.clock.monotonic(),
      context: this.#context,
    });
  }

  /** Asks the client for the body, unless the request will be refused. */
  #continue({ headers }: IncomingMessage, response: ServerResponse): void {
    if (!(Number(headers["content-length"]) > this.#settings.bodyBytesMax))
      response.writeContinue();
  }

  /**
   * Answers bytes that are not an HTTP request, or a request that took too long, and closes the
   * connection.
   */
  #refuseNotHttp(error: Error & { code?: string }, socket: Socket): void {
    const isEnding = this.#connections.of(socket)?.isEnding === true;
    if (error.code === "ECONNRESET" || (!isEnding && !socket.writable)) socket.destroy();
    else
      this.#writer.refuseConnection(
        this.#connections,
        socket,
        REFUSALS[error.code ?? ""] ?? NOT_HTTP,
      );
  }

  /** Answers CONNECT: this is not a proxy. */
  #refuseConnect(socket: Socket): void {
    // Node no longer listens to the socket.
    socket.on("error", () => undefined);
    this.#writer.refuseConnection(this.#connections, socket, NO_PROXY);
  }

  /** Resolves when no request is under way and none has just arrived. */
  async #untilQuiet(): Promise<void> {
    for (let opened = -1; opened !== this.#connections.opened; ) {
      opened = this.#connections.opened;
      await this.#log.drain();
      await this.#acceptWaiting();
    }
  }

  /**
   * Accepts the connections that wait. Closing the port would reset them, and Node accepts only
   * some in each turn of the event loop.
   */
  async #acceptWaiting(): Promise<void> {
    for (
      let turns = 0, opened = -1;
      turns < ACCEPTING_TURNS_MAX && opened !== this.#connections.opened;
      turns++
    ) {
      opened = this.#connections.opened;
      await nextTurn();
      await nextTurn();
    }
  }
}

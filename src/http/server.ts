import type { IncomingMessage, ServerResponse } from "node:http";
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from "fastify";
import { type Clock, within } from "../domain/clock.ts";
import type { IngestOptions } from "../ingest/ingest.ts";
import type { Log } from "../observe/log.ts";
import type { Metrics } from "../observe/metrics.ts";
import type { Eraser } from "../retention/eraser.ts";
import type { Store } from "../store/store.ts";
import { Access, pathOf, requestId } from "./access.ts";
import type { Answering } from "./answers.ts";
import { Auth, type AuthOptions } from "./auth.ts";
import { Cors } from "./cors.ts";
import { answerFailure } from "./error-boundary.ts";
import { requireClearFraming } from "./framing.ts";
import { localUrl } from "./local-url.ts";
import { refuseConnect, refuseNotHttp } from "./not-http.ts";
import { sendProblem } from "./problem.ts";
import { limitAddresses, type RateLimits } from "./rate-limit.ts";
import { auditRoute } from "./routes/audit.ts";
import { docsRoutes } from "./routes/docs.ts";
import { exportRoute } from "./routes/export.ts";
import { healthRoutes } from "./routes/health.ts";
import { type KeysRouteOptions, keysRoutes } from "./routes/keys.ts";
import { messageRoute } from "./routes/message.ts";
import { messagesRoute } from "./routes/messages.ts";
import { metricsRoute } from "./routes/metrics.ts";
import { senderRoute } from "./routes/sender.ts";
import { sendersRoute } from "./routes/senders.ts";
import { statsRoute } from "./routes/stats.ts";
import { timelineRoute } from "./routes/timeline.ts";
import { webhookRoute } from "./routes/webhook.ts";

// Node's own defaults leave a slow socket open for minutes.
const HEADERS_MS_MAX = 10_000;
const REQUEST_MS_MAX = 15_000;
const TIMEOUTS_CHECKED_EVERY_MS = 1_000;
const KEEP_ALIVE_MS = 72_000;
// Under a steady stream of requests there is never a moment without one: after this time the port closes all the same.
const READINESS_HEARD_MS = 2_000;
// The id of a message has at most 1024 bytes, each of which may be escaped.
const PATH_PART_CHARACTERS_MAX = 3 * 1_024;

export interface ServerOptions extends IngestOptions, Answering, Omit<AuthOptions, "metrics" | "keys"> {
  readonly host: string;
  readonly port: number;
  readonly bodyBytesMax: number;
  /** Whose X-Forwarded-For is believed. */
  readonly trustProxy: readonly string[];
  readonly limits: RateLimits;
  readonly secretConfigured: () => boolean;
  readonly store: Store;
  readonly keys: AuthOptions["keys"] & KeysRouteOptions["keys"];
  readonly eraser: Pick<Eraser, "erase">;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly newId: () => string;
  readonly version: string;
  /** Origins of pages that may read. */
  readonly corsOrigins: readonly string[];
}

/** The wire. From {@link Server.listen} to {@link Server.close} it accepts connections. */
export class Server {
  readonly #http: FastifyInstance;
  readonly #access: Access;
  readonly #clock: Clock;
  readonly #host: string;
  readonly #port: number;

  static async listen(options: ServerOptions): Promise<Server> {
    const server = new Server(options);
    await server.#addRoutes(options);
    await server.#http.listen({ host: options.host, port: options.port, backlog: 4_096 });
    return server;
  }

  private constructor(options: ServerOptions) {
    this.#clock = options.clock;
    this.#host = options.host;
    this.#port = options.port;
    this.#access = new Access(options);
    this.#http = fastify({
      logger: false,
      bodyLimit: options.bodyBytesMax,
      requestIdHeader: false,
      trustProxy: options.trustProxy.length > 0 && [...options.trustProxy],
      genReqId: (request) => requestId(request.headers["x-request-id"], options.newId),
      requestTimeout: REQUEST_MS_MAX,
      keepAliveTimeout: KEEP_ALIVE_MS,
      // During shutdown, a request on an open connection is still served; its answer closes the connection.
      return503OnClosing: false,
      http: {
        headersTimeout: HEADERS_MS_MAX,
        connectionsCheckingInterval: TIMEOUTS_CHECKED_EVERY_MS,
        // Node would answer these itself, without a body and a log line; framing.ts does it.
        requireHostHeader: false,
      },
      routerOptions: {
        maxParamLength: PATH_PART_CHARACTERS_MAX,
        querystringParser: (text) => (text === "" ? {} : Object.fromEntries(new URLSearchParams(text))),
      },
      clientErrorHandler: (error, socket) => refuseNotHttp(this.#access, error, socket),
      frameworkErrors: (_error, request, reply) => {
        this.#access.begin(request as FastifyRequest, reply as unknown as FastifyReply);
        this.#notFound(request as FastifyRequest, reply as unknown as FastifyReply);
      },
    });
    // More headers than this would be dropped silently, a signature among them; 0 lets framing.ts see and refuse them.
    this.#http.server.maxHeadersCount = 0;
    // A client may close its half of the connection once it has sent its request; it still gets its answer.
    Object.assign(this.#http.server, { httpAllowHalfOpen: true });
    this.#http.server.on("checkContinue", (request: IncomingMessage, response: ServerResponse) => {
      // Do not ask for a body that will be refused.
      if (!(Number(request.headers["content-length"]) > options.bodyBytesMax)) response.writeContinue();
      this.#http.server.emit("request", request, response);
    });
    // Other expectations are not met, and not worth refusing a message for.
    this.#http.server.on("checkExpectation", (request: IncomingMessage, response: ServerResponse) => {
      this.#http.server.emit("request", request, response);
    });
    this.#http.server.on("connect", (_request, socket) => refuseConnect(this.#access, socket));
  }

  /** Where it listens, for example `http://127.0.0.1:8000`. */
  get url(): string {
    const address = this.#http.server.address();
    return localUrl(this.#host, typeof address === "object" && address !== null ? address.port : this.#port);
  }

  /**
   * Readiness turns 503, then what is being answered is answered while new connections are still taken, then the port closes.
   * Resolves within `ms`: connections that are still open then are cut.
   */
  async close(ms: number): Promise<void> {
    const deadline = this.#clock.monotonic() + ms;
    await within(this.#clock, Math.min(ms, READINESS_HEARD_MS), this.#access.drain());
    const closed = this.#http.close().then(() => undefined);
    await within(this.#clock, deadline - this.#clock.monotonic(), closed);
    this.#access.breakOff();
    this.#http.server.closeAllConnections();
    await closed;
  }

  async #addRoutes(options: ServerOptions): Promise<void> {
    const http = this.#http;
    // Schemas document; inputs are checked by the domain's parsers, which are made of the same schemas.
    http.setValidatorCompiler(() => () => true);
    http.setSerializerCompiler(() => JSON.stringify);
    this.#access.install(http);
    http.addHook("onRequest", requireClearFraming);
    if (options.corsOrigins.length > 0) {
      http.addHook("onRequest", new Cors({ ...options, methodsOf: (path) => this.#access.methodsOf(path) }).hook);
    }
    limitAddresses(http, options);
    http.addHook("onRequest", (request, reply, done) => {
      if (request.is404) this.#notFound(request, reply);
      else done();
    });
    http.setErrorHandler(answerFailure);
    new Auth(options).install(http);
    await docsRoutes(http, options);
    webhookRoute(http, options);
    messagesRoute(http, options);
    messageRoute(http, options);
    exportRoute(http, { ...options, brokenOff: (reply, status) => this.#access.brokenOff(reply, status) });
    statsRoute(http, options);
    timelineRoute(http, options);
    sendersRoute(http, options);
    senderRoute(http, options);
    keysRoutes(http, options);
    auditRoute(http, options);
    healthRoutes(http, { ...options, draining: () => this.#access.draining() });
    metricsRoute(http, options);
  }

  #notFound(request: FastifyRequest, reply: FastifyReply): void {
    const methods = this.#access.methodsOf(pathOf(request));
    // The method fits, but the path is one the router could not take: a broken escape, or too long a part.
    if (methods.length === 0 || methods.includes(request.method)) {
      sendProblem(request, reply, { status: 404, detail: "Not Found" });
    } else {
      const allow = [...new Set(methods)].sort().join(", ");
      sendProblem(request, reply, { status: 405, detail: "Method Not Allowed", headers: { allow } });
    }
  }
}

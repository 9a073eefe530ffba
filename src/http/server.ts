import { setImmediate as nextTurn } from "node:timers/promises";
import { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from "fastify";
import { type Clock, within } from "../domain/clock.ts";
import type { IngestOptions } from "../ingest/ingest.ts";
import type { Log } from "../observe/log.ts";
import type { Metrics } from "../observe/metrics.ts";
import type { Tracing } from "../observe/trace.ts";
import type { Eraser } from "../retention/eraser.ts";
import type { Store } from "../store/store.ts";
import { Access, requestId } from "./access.ts";
import type { Answering } from "./answers.ts";
import { Auth, type AuthOptions } from "./auth.ts";
import { inNetworks } from "./client-address.ts";
import { Connections } from "./connections.ts";
import { Cors } from "./cors.ts";
import { Door } from "./door.ts";
import { answerFailure } from "./error-boundary.ts";
import { requireClearFraming } from "./framing.ts";
import { localUrl } from "./local-url.ts";
import { nodeServer } from "./node-server.ts";
import { refuseConnect, refuseNotHttp } from "./not-http.ts";
import { Overload, type Queue } from "./overload.ts";
import { sendProblem } from "./problem.ts";
import { limitAddresses, type RateLimits } from "./rate-limit.ts";
import type { Readiness } from "./readiness.ts";
import { retryAfter } from "./retry-after.ts";
import { pathOf } from "./route-table.ts";
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

// Under a steady stream of requests there is never a moment without one: after this time the port closes all the same.
const READINESS_HEARD_MS = 2_000;
/** A list of the longest messages has 1.6 MB: a client that takes longer holds it in memory on purpose, or is gone. */
const ANSWER_MS_MAX = 30_000;
// The id of a message has at most 1024 bytes, each of which may be escaped.
const PATH_PART_CHARACTERS_MAX = 3 * 1_024;
/** Some hundred milliseconds under load. */
const ACCEPTING_TURNS_MAX = 100;
/** Stands for the URLs that the router does not take. */
const UNROUTABLE = "/-";

export interface ServerOptions extends IngestOptions, Answering, Omit<AuthOptions, "metrics" | "keys"> {
  readonly host: string;
  readonly port: number;
  readonly bodyBytesMax: number;
  /** Whose X-Forwarded-For is believed. */
  readonly trustProxy: readonly string[];
  readonly limits: RateLimits;
  readonly readiness: Pick<Readiness, "problem" | "reason">;
  readonly store: Store;
  readonly keys: AuthOptions["keys"] & KeysRouteOptions["keys"];
  readonly eraser: Pick<Eraser, "erase">;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly tracing?: Pick<Tracing, "begin"> | undefined;
  readonly newId: () => string;
  readonly random: () => number;
  readonly version: string;
  readonly committer: IngestOptions["committer"] & Queue;
  readonly answerMsMax?: number;
  /** False leaves healthy answers to probes out of the log. */
  readonly logHealth?: boolean;
  /** The most connections at a time. */
  readonly connectionsMax: number;
  /** Origins of pages that may read. */
  readonly corsOrigins: readonly string[];
}

/** The wire. From {@link Server.listen} to {@link Server.close} it accepts connections. */
export class Server {
  readonly #http: FastifyInstance;
  readonly #access: Access;
  readonly #cors: Cors;
  readonly #closing = new AbortController();
  readonly #overload: Overload;
  readonly #door: Door;
  readonly #connections: Connections;
  #watching: Promise<void> | undefined;
  readonly #clock: Clock;
  readonly #host: string;
  readonly #port: number;

  static async listen(options: ServerOptions): Promise<Server> {
    const server = new Server(options);
    await server.#addRoutes(options);
    await server.#http.listen({ host: options.host, port: options.port, backlog: 4_096 });
    server.#watching = server.#overload.watch(options.clock, server.#closing.signal, () => {
      server.#door.release();
      server.#access.cutSlow(options.answerMsMax ?? ANSWER_MS_MAX);
    });
    return server;
  }

  private constructor(options: ServerOptions) {
    this.#clock = options.clock;
    this.#host = options.host;
    this.#port = options.port;
    this.#access = new Access(options);
    this.#cors = new Cors({ ...options, methodsOf: (path) => this.#access.methodsOf(path) });
    this.#overload = new Overload(options.committer);
    this.#door = new Door({ ...options, overload: this.#overload, access: this.#access, cors: this.#cors });
    const isProxy = inNetworks(options.trustProxy);
    this.#connections = new Connections({
      connectionsMax: options.connectionsMax,
      isProxy,
      metrics: options.metrics,
      log: options.log,
      monotonic: () => options.clock.monotonic(),
    });
    const refusing = { access: this.#access, connections: this.#connections };
    this.#http = fastify({
      logger: false,
      bodyLimit: options.bodyBytesMax,
      requestIdHeader: false,
      trustProxy: options.trustProxy.length > 0 && isProxy,
      genReqId: (request) => requestId(request.headers["x-request-id"], options.newId),
      // During shutdown, a request on an open connection is still served; its answer closes the connection.
      return503OnClosing: false,
      serverFactory: (handle) =>
        nodeServer({
          handle,
          admit: (request, response, go) => this.#door.admit(request, response, go),
          refusePipelined: (request, response) => this.#door.refusePipelined(request, response),
          refuseConnect: (socket) => refuseConnect(refusing, socket),
          connections: this.#connections,
          bodyBytesMax: options.bodyBytesMax,
        }),
      routerOptions: {
        // The older service redirected; a sender that follows no redirect takes a 404 as final.
        ignoreTrailingSlash: true,
        maxParamLength: PATH_PART_CHARACTERS_MAX,
        querystringParser: (text) => (text === "" ? {} : Object.fromEntries(new URLSearchParams(text))),
      },
      clientErrorHandler: (error, socket) => refuseNotHttp(refusing, error, socket),
      frameworkErrors: (_error, request, reply) => {
        this.#refusedByRouter(request as FastifyRequest, reply as unknown as FastifyReply);
      },
    });
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
    const quiet = this.#untilQuiet();
    this.#door.releaseAll();
    await within(this.#clock, Math.min(ms, READINESS_HEARD_MS), quiet);
    await this.#acceptWaiting();
    // At once, in the turn in which no connection waited. Fastify would take some turns to do it.
    const disconnected = new Promise<void>((resolve) => this.#http.server.close(() => resolve()));
    const closed = disconnected.then(() => this.#http.close());
    await within(this.#clock, deadline - this.#clock.monotonic(), closed);
    this.#access.breakOff();
    this.#http.server.closeAllConnections();
    await closed;
    this.#closing.abort();
    await this.#watching;
  }

  /** Resolves when no request is under way and none has just come. */
  async #untilQuiet(): Promise<void> {
    for (let opened = -1; opened !== this.#connections.opened; ) {
      opened = this.#connections.opened;
      await this.#access.drain();
      await this.#acceptWaiting();
    }
  }

  /** Closing the port resets the connections that wait to be accepted. Node accepts some in each turn of the event loop. */
  async #acceptWaiting(): Promise<void> {
    for (let turns = 0, opened = -1; turns < ACCEPTING_TURNS_MAX && opened !== this.#connections.opened; turns++) {
      opened = this.#connections.opened;
      await nextTurn();
      await nextTurn();
    }
  }

  async #addRoutes(options: ServerOptions): Promise<void> {
    const http = this.#http;
    // Schemas document; inputs are checked by the domain's parsers, which are made of the same schemas.
    http.setValidatorCompiler(() => () => true);
    http.setSerializerCompiler(() => JSON.stringify);
    this.#access.install(http);
    http.addHook("onRequest", requireClearFraming);
    if (options.corsOrigins.length > 0) http.addHook("onRequest", this.#cors.hook);
    limitAddresses(http, options);
    http.addHook("onRequest", (request, reply, done) => {
      if (request.is404) this.#notFound(request, reply);
      else done();
    });
    const retry = () => retryAfter(options.random);
    http.setErrorHandler<FastifyError>((error, request, reply) => answerFailure(error, request, reply, retry));
    const auth = new Auth(options);
    auth.install(http);
    await docsRoutes(http, options);
    webhookRoute(http, options);
    messagesRoute(http, options);
    messageRoute(http, options);
    exportRoute(http, {
      store: options.store,
      clock: options.clock,
      mayRead: (request) => auth.mayRead(request),
      brokenOff: (reply, status) => this.#access.brokenOff(reply.raw, status),
    });
    statsRoute(http, options);
    timelineRoute(http, options);
    sendersRoute(http, options);
    senderRoute(http, options);
    keysRoutes(http, options);
    auditRoute(http, options);
    healthRoutes(http, { ...options, draining: () => this.#access.draining() });
    metricsRoute(http, { ...options, monotonic: () => options.clock.monotonic() });
  }

  /**
   * A URL that the router does not take. It goes through the router again under a path that is not a route, so that every check of a
   * request holds for it as well.
   */
  #refusedByRouter({ raw }: FastifyRequest, reply: FastifyReply): void {
    Object.assign(raw, { originalUrl: raw.url, url: UNROUTABLE });
    this.#http.routing(raw, reply.raw);
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

import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { QueryParams } from "../domain/query-params.ts";
import type { KeyHolder } from "../keys/api-keys.ts";
import type { RequestTrace } from "../observe/trace.ts";
import type { JsonSchema } from "./json-schema.ts";
import type { Headers, Reply } from "./reply.ts";

/**
 * Which clients may use a route. `open`: all. `read`: those that may read. `admin`: those with an
 * admin key. `metrics`: those that may read the metrics.
 */
export type RouteAccess = "open" | "read" | "admin" | "metrics";

/** A route as a value. Every property of a route is a field here. */
export interface Route {
  readonly method: "GET" | "POST" | "DELETE";
  /**
   * `:name` matches one part of the path, `*` at the end everything that follows. A GET route
   * answers HEAD too.
   */
  readonly path: string;
  readonly access: RouteAccess;
  readonly limits?: RouteLimits;
  /**
   * For /openapi.json, which omits routes without one. It only documents; the parsers of `domain/`
   * check.
   */
  readonly schema?: RouteSchema;
  readonly handle: (request: Request) => Reply | Promise<Reply>;
  /** Replaces the refusal of a request without a valid key. Undefined keeps it. */
  readonly whenRefused?: (request: Request, refusal: Reply) => Reply | undefined;
  /** Which requests see the path. To others it does not exist, whatever their method. */
  readonly isFor?: (request: Pick<IncomingMessage, "method" | "headers">) => boolean;
  /**
   * How load shedding treats the route. Messages also wait for the commit queue; health checks,
   * scrapes and pages are paced.
   */
  readonly admission?: "message" | "health" | "scrape" | "page";
  /** Its result is in the log line and in `webhook_requests_total`. */
  readonly countsResults?: true;
  /** Its work is finished and logged even if the client does not wait for it. */
  readonly outlivesClient?: true;
  /** Its response may take any time. The route itself measures how fast the client reads. */
  readonly streams?: true;
  /** A machine asks every few seconds: `LOG_HEALTH=off` leaves successes out of the log. */
  readonly quiet?: true;
  /** A machine asks every few seconds, so its traces would outnumber all others. */
  readonly untraced?: true;
  /** No page of another origin needs it. So it gets no CORS headers. */
  readonly withoutCors?: true;
}

export interface RouteLimits {
  /** The longest body. Without it, a body is not read. */
  readonly bodyBytesMax?: number;
  /** Whether bodies count against the memory for incoming bodies. */
  readonly countsBodies?: true;
  /** Whether a body with a content encoding is refused. */
  readonly plainBodiesOnly?: true;
  /** Whether the rate limits of addresses and keys do not apply: monitoring must always work. */
  readonly unlimited?: true;
}

/** The documentation of a route in /openapi.json. */
export interface RouteSchema {
  readonly operationId: string;
  readonly summary: string;
  readonly description?: string;
  readonly tags: readonly ["messages" | "operations" | "administration"];
  readonly headers?: JsonSchema;
  readonly params?: JsonSchema;
  readonly querystring?: JsonSchema;
  readonly body?: JsonSchema;
  readonly response: Readonly<Record<number, ResponseSchema>>;
}

/** A schema of JSON, or a response with its content types. */
export type ResponseSchema =
  | JsonSchema
  | { readonly description: string; readonly content?: object; readonly headers?: object };

/** The result of routing a method and a URL. */
export interface Target {
  readonly path: string;
  /** The path of its routes, such as `/messages/:message_id`; undefined when no route matches. */
  readonly template: string | undefined;
  /** The methods of the path. */
  readonly methods: readonly string[];
  /** The first route of the path, with any method. */
  readonly ofPath: Route | undefined;
  /** The route of path and method. */
  readonly route: Route | undefined;
  readonly params: Readonly<Record<string, string>>;
}

/** How long the answer is still sent to a client that has closed its half of the connection. */
const HALF_CLOSED_MS_MAX = 1_000;
const NO_BODY = Buffer.alloc(0);
const NO_PARAMETERS: QueryParams = {};

/** What requests need from their server. */
export interface RequestContext {
  /** Whether X-Forwarded-For from this address is trusted. */
  readonly isProxy: (address: string) => boolean;
  /** Whether the service is shutting down. */
  readonly isDraining: () => boolean;
}

interface Arrival {
  readonly raw: IncomingMessage;
  readonly response: ServerResponse;
  readonly target: Target;
  readonly id: string;
  readonly startedMs: number;
  readonly context: RequestContext;
}

/** A request within the service, with what is known about it so far. */
export class Request {
  readonly raw: IncomingMessage;
  readonly response: ServerResponse;
  readonly target: Target;
  readonly id: string;
  /** When its headers had arrived, in milliseconds of the monotonic clock. */
  readonly startedMs: number;
  readonly context: RequestContext;
  body: Buffer = NO_BODY;
  /** The key of the client, if it sent one and the route checks keys. */
  apiKey: KeyHolder | undefined;
  /** Undefined when the request is not traced. */
  trace: RequestTrace | undefined;
  /** Headers of the answer that are known before the route runs. */
  answerHeaders: Headers = {};
  /** The rate limits in the headers of the answer. */
  rateLimitHeaders: { readonly policy: string; readonly state: string } | undefined;
  /** The work of the route, once it has begun. */
  outcome: Promise<Reply> | undefined;
  reply: Reply | undefined;
  /** Why the answer could not be finished. */
  broken: Reply | undefined;

  constructor({ raw, response, target, id, startedMs, context }: Arrival) {
    this.raw = raw;
    this.response = response;
    this.target = target;
    this.id = id;
    this.startedMs = startedMs;
    this.context = context;
  }

  /** The address of the client: the one in X-Forwarded-For, as far as trusted proxies wrote it. */
  get ip(): string {
    const { isProxy } = this.context;
    let address = this.socket.remoteAddress ?? "";
    const entries = this.#forwarded("x-forwarded-for");
    for (let entry = entries.pop(); entry !== undefined && isProxy(address); entry = entries.pop())
      address = entry;
    return address;
  }

  /** `https` when a trusted proxy says so. */
  get scheme(): "http" | "https" {
    if (!this.context.isProxy(this.socket.remoteAddress ?? "")) return "http";
    const told = this.#forwarded("x-forwarded-proto").at(-1)?.toLowerCase();
    return told === "https" ? "https" : "http";
  }

  /** Adds headers to the answer. */
  addHeaders(headers: Headers): void {
    this.answerHeaders = { ...this.answerHeaders, ...headers };
  }

  get method(): string {
    return this.raw.method ?? "";
  }

  get url(): string {
    return this.raw.url ?? "";
  }

  get socket(): Socket {
    return this.raw.socket;
  }

  get headers(): IncomingHttpHeaders {
    return this.raw.headers;
  }

  get params(): Readonly<Record<string, string>> {
    return this.target.params;
  }

  /** Whether the path ends with a slash. Relative addresses in a page depend on it. */
  get hasTrailingSlash(): boolean {
    return /^[^?#]*\/(?:[?#]|$)/.test(this.url);
  }

  /** The parameters of the query. If one is repeated, its last value counts. */
  get query(): QueryParams {
    const start = this.url.search(/[?#]/);
    return start === -1
      ? NO_PARAMETERS
      : Object.fromEntries(new URLSearchParams(this.url.slice(start + 1)));
  }

  /** Whether the service is shutting down. */
  get isShuttingDown(): boolean {
    return this.context.isDraining();
  }

  /** Whether the client can no longer be answered. */
  get isGone(): boolean {
    return this.response.destroyed || this.raw.socket.destroyed;
  }

  /** Calls `then` when the answer is sent or the connection is closed. */
  whenClosed(then: () => void): void {
    this.response.once("close", then);
  }

  /**
   * Aborted when the client no longer waits for its answer: its connection is closed, or it closed
   * its half a second ago. Most clients that disconnect show nothing else.
   */
  clientGone(): AbortSignal {
    const gone = new AbortController();
    const { socket } = this.response;
    let timer: NodeJS.Timeout | undefined;
    const halfClosed = () => {
      timer = setTimeout(() => gone.abort(), HALF_CLOSED_MS_MAX);
    };
    if (socket?.readableEnded) halfClosed();
    else socket?.once("end", halfClosed);
    // Listens once for each answer. Listeners on the connection would accumulate while it is kept
    // alive.
    this.whenClosed(() => {
      clearTimeout(timer);
      socket?.off("end", halfClosed);
      if (!this.response.writableFinished) gone.abort();
    });
    return gone.signal;
  }

  #forwarded(name: string): string[] {
    const value = this.raw.headers[name];
    const entries = typeof value === "string" ? value.split(",") : [];
    return entries.map((entry) => entry.trim()).filter((entry) => entry !== "");
  }
}

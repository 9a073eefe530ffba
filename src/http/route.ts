import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { TSchema } from "typebox";
import type { QueryParams } from "../domain/query-params.ts";
import type { KeyHolder } from "../keys/api-keys.ts";
import type { RequestTrace } from "../observe/trace.ts";
import type { Headers, Reply } from "./reply.ts";

/**
 * Which clients may use a route: `open` all, `read` those that may read, `admin` those with an admin key,
 * `metrics` those that may read the metrics.
 */
export type RouteAccess = "open" | "read" | "admin" | "metrics";

/** A route as a value: everything that is asked about it is a field. */
export interface Route {
  readonly method: "GET" | "POST" | "DELETE";
  /** `:name` stands for one part of the path, `*` at the end for all that follows. A GET answers HEAD too. */
  readonly path: string;
  readonly access: RouteAccess;
  readonly limits?: RouteLimits;
  /** For /openapi.json, which leaves out routes without one. It documents; the parsers of `domain/` check. */
  readonly schema?: RouteSchema;
  readonly handle: (request: Request) => Reply | Promise<Reply>;
  /** How load shedding treats it: messages also wait for the commit queue, health checks and scrapes are paced. */
  readonly admission?: "message" | "health" | "scrape";
  /** Its result goes into the log line and `webhook_requests_total`. */
  readonly countsResults?: true;
  /** Its work is finished and logged even when the client does not wait for it. */
  readonly outlivesClient?: true;
  /** Its answer takes any time; the route watches itself how fast the client reads. */
  readonly streams?: true;
  /** A machine asks every few seconds: `LOG_HEALTH=off` leaves successes out of the log. */
  readonly quiet?: true;
  /** A machine asks every few seconds: its traces would be most of all. */
  readonly untraced?: true;
  /** Machines post to it, which no browser stops: CORS tells pages nothing of it. */
  readonly notForPages?: true;
}

export interface RouteLimits {
  /** The longest body. Without it a body is not read. */
  readonly bodyBytesMax?: number;
  /** Whether bodies count against the memory for bodies that are under way. */
  readonly bodiesAreCounted?: true;
  /** Whether a body with a content encoding is refused. */
  readonly plainBodiesOnly?: true;
  /** Whether the rate limits of addresses and keys do not hold: monitoring must always work. */
  readonly unlimited?: true;
}

/** What /openapi.json says of a route. */
export interface RouteSchema {
  readonly operationId: string;
  readonly summary: string;
  readonly description?: string;
  readonly tags: readonly ["messages" | "operations" | "administration"];
  readonly headers?: TSchema;
  readonly params?: TSchema;
  readonly querystring?: TSchema;
  readonly body?: TSchema;
  readonly response: Readonly<Record<number, ResponseSchema>>;
}

/** A schema of JSON, or a response that names its content types. */
export type ResponseSchema =
  | TSchema
  | { readonly description: string; readonly content?: object; readonly headers?: object };

/** What the router made of a method and a URL. */
export interface Target {
  readonly path: string;
  /** The path of its routes, such as `/messages/:message_id`; undefined when there is none. */
  readonly template: string | undefined;
  /** The methods that the path answers to. */
  readonly methods: readonly string[];
  /** The first route of the path, whatever the method. */
  readonly ofPath: Route | undefined;
  /** The route of path and method. */
  readonly route: Route | undefined;
  readonly params: Readonly<Record<string, string>>;
}

/** A client that closed its half of the connection may still want its answer, if that does not take long. */
const HALF_CLOSED_MS_MAX = 1_000;
const NO_BODY = Buffer.alloc(0);
const NO_PARAMETERS: QueryParams = {};

/** What requests ask of their server. */
export interface RequestContext {
  /** Whether X-Forwarded-For of this address is believed. */
  readonly isProxy: (address: string) => boolean;
  /** Whether the service is about to end. */
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

/** A request on its way through the service, with what has been found out about it. */
export class Request {
  readonly raw: IncomingMessage;
  readonly response: ServerResponse;
  readonly target: Target;
  readonly id: string;
  /** Milliseconds of the monotonic clock at which the headers were there. */
  readonly startedMs: number;
  readonly context: RequestContext;
  body: Buffer = NO_BODY;
  /** The key of the client, if it showed one and the route looks at keys. */
  apiKey: KeyHolder | undefined;
  /** Undefined when nothing is traced. */
  trace: RequestTrace | undefined;
  /** Headers of the answer that are known before the route is asked. */
  answerHeaders: Headers = {};
  /** What the answer tells of the rate limits that hold for it. */
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

  /** The address of the client: as far as trusted proxies wrote X-Forwarded-For, the one it tells. */
  get ip(): string {
    const { isProxy } = this.context;
    let address = this.socket.remoteAddress ?? "";
    const entries = this.#forwarded("x-forwarded-for");
    for (let entry = entries.pop(); entry !== undefined && isProxy(address); entry = entries.pop()) address = entry;
    return address;
  }

  /** `https` when the proxy in front says so. */
  get scheme(): string {
    if (!this.context.isProxy(this.socket.remoteAddress ?? "")) return "http";
    return this.#forwarded("x-forwarded-proto").at(-1) ?? "http";
  }

  /** Adds to the headers of the answer. */
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

  /** The parameters of the query; of one that comes twice the last counts. */
  get query(): QueryParams {
    const start = this.url.search(/[?#]/);
    return start === -1 ? NO_PARAMETERS : Object.fromEntries(new URLSearchParams(this.url.slice(start + 1)));
  }

  /** Whether the service is about to end. */
  get isShuttingDown(): boolean {
    return this.context.isDraining();
  }

  /** Whether nobody can be answered any more. */
  get isGone(): boolean {
    return this.response.destroyed || this.raw.socket.destroyed;
  }

  /** Calls back when the answer is out or its connection is gone. */
  whenClosed(then: () => void): void {
    this.response.once("close", then);
  }

  /**
   * Aborted when the client does not wait for its answer: its connection is closed, or it closed its half and a
   * second has passed, which is all that can be seen of most clients that go away.
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
    // The event of the answer comes once an answer; listeners would gather on a connection that is kept.
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

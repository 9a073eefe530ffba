import type { FastifyReply, FastifyRequest } from "fastify";
import { pathOf } from "./route-table.ts";

/** What a page may read of an answer besides its body; without being named here it sees the type and the length only. */
const EXPOSED = "ETag, Link, RateLimit, RateLimit-Policy, Retry-After, Traceparent, X-Read-Auth, X-Request-Id";
const ALLOWED_HEADERS = "Authorization, Content-Type, If-None-Match, Traceparent, Tracestate, X-Request-Id";
/** How long a browser need not ask again whether it may. */
const PREFLIGHT_SECONDS = "600";
/** What pages may do: read. A key that does more belongs into no page. */
const METHODS_OF_PAGES = ["GET", "HEAD"];
/** Is posted to by machines, which no browser keeps from it: pages have no business there. */
const NOT_FOR_PAGES = "/webhook";

export interface CorsOptions {
  /** Origins of pages that may read what they are allowed to; none: no answer says anything about origins. */
  readonly corsOrigins: readonly string[];
  /** The methods a path answers to; none when there is no such route. */
  readonly methodsOf: (path: string) => readonly string[];
}

/**
 * Lets the pages of listed origins read answers, and ask before they do. It opens nothing: whoever needs a key needs it here too.
 * A preflight carries none, so it is answered here, before keys are asked for; it tells the methods with which a page may read, which are no secret.
 */
export class Cors {
  readonly #origins: ReadonlySet<string>;
  readonly #methodsOf: CorsOptions["methodsOf"];

  constructor({ corsOrigins, methodsOf }: CorsOptions) {
    this.#origins = new Set(corsOrigins);
    this.#methodsOf = methodsOf;
  }

  /** For a hook of `onRequest`, before every other that may answer. */
  readonly hook = (request: FastifyRequest, reply: FastifyReply, done: () => void): void => {
    const path = pathOf(request);
    reply.headers(this.headersFor(path, request.headers.origin));
    const methods = this.#asksBefore(request) && path !== NOT_FOR_PAGES ? this.#methodsForPages(path) : [];
    if (methods.length === 0) done();
    else reply.code(204).headers(allowing(methods)).send();
  };

  /** What an answer to a page of that origin says. `Vary` stands on all, lest a cache give one page the answer of another. */
  headersFor(path: string, origin: string | undefined): Readonly<Record<string, string>> {
    if (this.#origins.size === 0 || path === NOT_FOR_PAGES) return {};
    if (origin === undefined || !this.#origins.has(origin)) return { vary: "Origin" };
    return { vary: "Origin", "access-control-allow-origin": origin, "access-control-expose-headers": EXPOSED };
  }

  /** None where there is nothing to read: then a preflight is answered as any other OPTIONS. */
  #methodsForPages(path: string): readonly string[] {
    return this.#methodsOf(path).filter((method) => METHODS_OF_PAGES.includes(method));
  }

  /** Whether it is a preflight of a page that may read. */
  #asksBefore({ method, headers }: FastifyRequest): boolean {
    const asks = method === "OPTIONS" && headers["access-control-request-method"] !== undefined;
    return asks && headers.origin !== undefined && this.#origins.has(headers.origin);
  }
}

function allowing(methods: readonly string[]): Readonly<Record<string, string>> {
  return {
    "access-control-allow-methods": [...new Set(methods)].sort().join(", "),
    "access-control-allow-headers": ALLOWED_HEADERS,
    "access-control-max-age": PREFLIGHT_SECONDS,
  };
}

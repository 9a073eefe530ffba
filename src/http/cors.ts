import type { Reply } from "./reply.ts";
import type { Request } from "./route.ts";

/**
 * The headers that a page may read in addition to the body. Without this list it could read only
 * the type and the length.
 */
const EXPOSED =
  "ETag, Link, RateLimit, RateLimit-Policy, Retry-After, Traceparent, X-Read-Auth, X-Request-Id";
const ALLOWED_HEADERS =
  "Authorization, Content-Type, If-None-Match, Traceparent, Tracestate, X-Request-Id";
/** How long a browser may reuse the answer of a preflight. */
const PREFLIGHT_SECONDS = "600";
/** Pages may only read. A key that may do more does not belong into a page. */
const METHODS_OF_PAGES = ["GET", "HEAD"];
const VARY = { vary: "Origin" };

/**
 * Lets the pages of listed origins read answers. It grants no access: a request that needs a key
 * needs it from a page too. A preflight carries no key, so it is answered before keys are checked.
 * It tells the methods with which a page may read, which are not secret.
 */
export class Cors {
  readonly #origins: ReadonlySet<string>;

  /** Without origins, no answer has CORS headers. */
  constructor(origins: readonly string[]) {
    this.#origins = new Set(origins);
  }

  /**
   * Tells the page of a request whether it may read the answer. Every answer has `Vary`, so that a
   * cache does not confuse origins.
   */
  addHeaders(request: Request): void {
    if (this.#origins.size === 0 || request.target.ofPath?.withoutCors) return;
    request.addHeaders(VARY);
    const { origin } = request.headers;
    if (origin === undefined || !this.#origins.has(origin)) return;
    request.addHeaders({
      "access-control-allow-origin": origin,
      "access-control-expose-headers": EXPOSED,
    });
  }

  /**
   * The answer to a preflight; undefined for other requests, and where a page has nothing to read.
   */
  preflight({ method, headers, target }: Request): Reply | undefined {
    const asks = method === "OPTIONS" && headers["access-control-request-method"] !== undefined;
    if (!asks || headers.origin === undefined || !this.#origins.has(headers.origin))
      return undefined;
    const methods = target.methods.filter((one) => METHODS_OF_PAGES.includes(one));
    if (methods.length === 0 || target.ofPath?.withoutCors) return undefined;
    return { status: 204, headers: allowing(methods) };
  }
}

function allowing(methods: readonly string[]): Readonly<Record<string, string>> {
  return {
    "access-control-allow-methods": [...new Set(methods)].sort().join(", "),
    "access-control-allow-headers": ALLOWED_HEADERS,
    "access-control-max-age": PREFLIGHT_SECONDS,
  };
}

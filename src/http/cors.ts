import type { Reply } from "./reply.ts";
import type { Request } from "./route.ts";

/** What a page may read of an answer besides its body; without being named here it sees the type and the length only. */
const EXPOSED = "ETag, Link, RateLimit, RateLimit-Policy, Retry-After, Traceparent, X-Read-Auth, X-Request-Id";
const ALLOWED_HEADERS = "Authorization, Content-Type, If-None-Match, Traceparent, Tracestate, X-Request-Id";
/** How long a browser need not ask again whether it may. */
const PREFLIGHT_SECONDS = "600";
/** What pages may do: read. A key that does more belongs into no page. */
const METHODS_OF_PAGES = ["GET", "HEAD"];
const VARY = { vary: "Origin" };

/**
 * Lets the pages of listed origins read answers, and ask before they do. It opens nothing: a request that needs a
 * key needs it here too. A preflight carries none, so it is answered before keys are asked for; it tells the
 * methods with which a page may read, which are no secret.
 */
export class Cors {
  readonly #origins: ReadonlySet<string>;

  /** Without an origin no answer says anything about origins. */
  constructor(origins: readonly string[]) {
    this.#origins = new Set(origins);
  }

  /** Tells the page of a request whether it may read the answer. `Vary` is on all, lest a cache mix origins up. */
  addHeaders(request: Request): void {
    if (this.#origins.size === 0 || request.target.ofPath?.notForPages) return;
    request.addHeaders(VARY);
    const { origin } = request.headers;
    if (origin === undefined || !this.#origins.has(origin)) return;
    request.addHeaders({ "access-control-allow-origin": origin, "access-control-expose-headers": EXPOSED });
  }

  /** The answer to a preflight; undefined for other requests, and where a page has nothing to read. */
  preflight({ method, headers, target }: Request): Reply | undefined {
    const asks = method === "OPTIONS" && headers["access-control-request-method"] !== undefined;
    if (!asks || headers.origin === undefined || !this.#origins.has(headers.origin)) return undefined;
    const methods = target.methods.filter((one) => METHODS_OF_PAGES.includes(one));
    if (methods.length === 0 || target.ofPath?.notForPages) return undefined;
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

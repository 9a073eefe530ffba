import { covers } from "../domain/api-key.ts";
import { type ApiKeys, actorOf, type KeyHolder, type KeyRefusal } from "../keys/api-keys.ts";
import type { Runtime } from "../runtime.ts";
import type { RateLimiting } from "./rate-limit.ts";
import { problem, type Reply } from "./reply.ts";
import type { Request, RouteAccess } from "./route.ts";

const BEARER = /^bearer +([^ ]+)$/i;
const READ_AUTH_OPEN = { "x-read-auth": "open" };

export interface AuthOptions {
  readonly keys: Pick<ApiKeys, "authenticate" | "refusalOf" | "accepts">;
  /** Whether all clients may read now. */
  readonly isReadingOpen: () => boolean;
  /** Whether the metrics require a key. */
  readonly metricsGuarded: boolean;
  readonly limiting: RateLimiting;
  readonly metrics: Pick<Runtime["metrics"], "apiKeyChecks">;
}

type AuthDecision = "allowed" | "unauthorized" | "forbidden";

/** Checks API keys. It looks only at the headers of a request. */
export class Auth {
  readonly #options: AuthOptions;

  constructor(options: AuthOptions) {
    this.#options = options;
  }

  /** Whether routes of this access can require a key. */
  requiresKey(access: RouteAccess): boolean {
    return access !== "open" && (access !== "metrics" || this.#options.metricsGuarded);
  }

  /** Refuses a request that may not use a route of this access. Undefined admits it. */
  refuse(request: Request, access: RouteAccess): Reply | undefined {
    const decision = this.#check(request, access);
    switch (decision) {
      case "allowed":
        return undefined;
      case "unauthorized":
        return this.#unauthorized(request);
      case "forbidden":
        return problem(403, decision, { log: { reason: "scope" } });
    }
  }

  /**
   * Whether a client that was admitted for reading may still read: its key may have ended, or
   * reading may have been closed.
   */
  mayRead({ apiKey }: Request): boolean {
    return (
      this.#options.isReadingOpen() || (apiKey !== undefined && this.#options.keys.accepts(apiKey))
    );
  }

  #check(request: Request, access: RouteAccess): AuthDecision {
    const key = keyIn(request);
    request.apiKey = key === undefined ? undefined : this.#options.keys.authenticate(key);
    if (access === "read" && this.#options.isReadingOpen()) {
      request.addHeaders(READ_AUTH_OPEN);
      return "allowed";
    }
    const decision = decisionOn(request.apiKey, access);
    this.#options.metrics.apiKeyChecks.inc({ result: decision === "allowed" ? "ok" : decision });
    return decision;
  }

  /** The answer is the same for every problem with the key. */
  #unauthorized(request: Request): Reply {
    const refused =
      this.#options.limiting.refuseFailure(request, "failed_key") ??
      problem(401, "unauthorized", { headers: { "www-authenticate": "Bearer" } });
    return { ...refused, log: { reason: this.#reasonOf(request), ...refused.log } };
  }

  /** Why a key is not accepted, for the log only. */
  #reasonOf(request: Request): "no_header" | KeyRefusal {
    if (request.headers.authorization === undefined) return "no_header";
    const key = keyIn(request);
    return key === undefined ? "malformed" : this.#options.keys.refusalOf(key);
  }
}

/** The administrator that sent the request, by its name in the audit. */
export function actorIn({ apiKey }: Request): string {
  if (apiKey === undefined) throw new Error("this route asks for no key");
  return actorOf(apiKey);
}

function decisionOn(holder: KeyHolder | undefined, access: RouteAccess): AuthDecision {
  if (holder === undefined) return "unauthorized";
  return covers(holder.scope, access === "admin" ? "admin" : "read") ? "allowed" : "forbidden";
}

/**
 * The key of the only Authorization header. With two, it is unknown which one a proxy in front has
 * checked.
 */
function keyIn({ raw }: Request): string | undefined {
  if (raw.headers.authorization === undefined) return undefined;
  const [given = "", ...more] = raw.headersDistinct.authorization ?? [];
  return more.length === 0 ? BEARER.exec(given)?.[1] : undefined;
}

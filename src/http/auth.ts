import type { FastifyInstance, FastifyReply, FastifyRequest, onRequestHookHandler, RouteOptions } from "fastify";
import { covers } from "../domain/api-key.ts";
import { type ApiKeys, actorOf, type KeyHolder, type KeyRefusal } from "../keys/api-keys.ts";
import type { Metrics } from "../observe/metrics.ts";
import { sendProblem } from "./problem.ts";
import { type LimitingOptions, limitKey, refuseFailure } from "./rate-limit.ts";
import { problemResponses } from "./schemas.ts";

/**
 * Who may use a route: `open` everybody, `read` whoever may read, `admin` holders of an admin key whatever else is open, `metrics` whoever
 * may read the metrics. A route that does not say is `read`, so that none is open because somebody forgot.
 */
export type RouteAccess = "open" | "read" | "admin" | "metrics";

declare module "fastify" {
  interface FastifyRequest {
    /** Who asks, if they showed a key and the route looks at keys. */
    apiKey: KeyHolder | undefined;
  }
  interface FastifyContextConfig {
    readonly access?: RouteAccess;
  }
}

/** The name of the scheme in /openapi.json. */
export const SECURITY_SCHEME = "apiKey";
const BEARER = /^bearer +([^ ]+)$/i;
const READ_AUTH_OPEN = { "x-read-auth": "open" };

export interface AuthOptions extends LimitingOptions {
  readonly keys: Pick<ApiKeys, "holderOf" | "refusalOf" | "accepts">;
  /** Whether everybody may read now. */
  readonly readIsOpen: () => boolean;
  /** Whether the metrics are for holders of keys only. */
  readonly metricsGuarded: boolean;
  readonly metrics: Pick<Metrics, "apiKeyChecks" | "rateLimited">;
}

type Verdict = "allowed" | "unauthorized" | "forbidden";

/** Asks for API keys, before anything of a request but its headers is looked at. */
export class Auth {
  readonly #options: AuthOptions;

  constructor(options: AuthOptions) {
    this.#options = options;
  }

  /** Guards every route that is added from now on. */
  install(server: FastifyInstance): void {
    server.decorateRequest("apiKey", undefined);
    server.addHook("onRoute", (route) => {
      const access = route.config?.access ?? "read";
      if (access === "open" || (access === "metrics" && !this.#options.metricsGuarded)) return;
      const guard: onRequestHookHandler = (request, reply, done) => {
        const verdict = this.#check(request, reply, access);
        if (verdict !== "allowed") this.#refuse(request, reply, verdict);
        else if (route.config?.unlimited) done();
        else limitKey(request, reply, this.#options, done);
      };
      route.onRequest = [guard, ...[route.onRequest ?? []].flat()];
      document(route, access);
    });
  }

  /** Whether a client that was let in to read may still read: its key may have ended, or reading may have been closed. */
  mayRead({ apiKey }: FastifyRequest): boolean {
    return this.#options.readIsOpen() || (apiKey !== undefined && this.#options.keys.accepts(apiKey));
  }

  #check(request: FastifyRequest, reply: FastifyReply, access: RouteAccess): Verdict {
    const key = keyIn(request);
    request.apiKey = key === undefined ? undefined : this.#options.keys.holderOf(key);
    if (access === "read" && this.#options.readIsOpen()) {
      reply.headers(READ_AUTH_OPEN);
      return "allowed";
    }
    const verdict = verdictOf(request.apiKey, access);
    this.#options.metrics.apiKeyChecks.inc({ result: verdict === "allowed" ? "ok" : verdict });
    return verdict;
  }

  /** The one place of refusal. Whatever is wrong with a key, the answer is the same. */
  #refuse(request: FastifyRequest, reply: FastifyReply, verdict: "unauthorized" | "forbidden"): void {
    switch (verdict) {
      case "unauthorized":
        request.logged = { ...request.logged, reason: this.#reasonOf(request) };
        if (refuseFailure(request, reply, "failed_key", this.#options)) return;
        sendProblem(request, reply, { status: 401, detail: verdict, headers: { "www-authenticate": "Bearer" } });
        return;
      case "forbidden":
        request.logged = { ...request.logged, reason: "scope" };
        sendProblem(request, reply, { status: 403, detail: verdict });
    }
  }

  /** Why a key is not accepted, for the log alone. */
  #reasonOf(request: FastifyRequest): "no_header" | KeyRefusal {
    if (request.raw.headers.authorization === undefined) return "no_header";
    const key = keyIn(request);
    return key === undefined ? "malformed" : this.#options.keys.refusalOf(key);
  }
}

/** Who asks for what only admins may, as the audit calls them. */
export function actorIn({ apiKey }: FastifyRequest): string {
  if (apiKey === undefined) throw new Error("this route asks for no key");
  return actorOf(apiKey);
}

function verdictOf(holder: KeyHolder | undefined, access: RouteAccess): Verdict {
  if (holder === undefined) return "unauthorized";
  return covers(holder.scope, access === "admin" ? "admin" : "read") ? "allowed" : "forbidden";
}

/** The key of the one Authorization header. Of two, nobody knows which a proxy in front has looked at. */
function keyIn({ raw }: FastifyRequest): string | undefined {
  if (raw.headers.authorization === undefined) return undefined;
  const [given = "", ...more] = raw.headersDistinct.authorization ?? [];
  return more.length === 0 ? BEARER.exec(given)?.[1] : undefined;
}

/** Tells of the guard in /openapi.json. */
function document(route: RouteOptions, access: RouteAccess): void {
  const { response, ...schema } = (route.schema ?? {}) as { response?: object };
  const statuses = access === "admin" ? [401, 403] : [401];
  route.schema = {
    ...schema,
    security: [{ [SECURITY_SCHEME]: [] }],
    response: { ...response, ...problemResponses(...statuses) },
  };
}

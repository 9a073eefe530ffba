import { covers } from "../domain/api-key.ts";
import { type ApiKeys, actorOf, type KeyHolder, type KeyRefusal } from "../keys/api-keys.ts";
import type { Runtime } from "../runtime.ts";
import type { RateLimiting } from "./rate-limit.ts";
import { problem, type Reply } from "./reply.ts";
import type { Request, RouteAccess } from "./route.ts";
import type { Session, SessionCookies, SessionReading } from "./session-cookies.ts";

const BEARER = /^bearer +([^ ]+)$/i;
const READ_AUTH_OPEN = { "x-read-auth": "open" };
/**
 * The dashboard sends it with each request. A page of another origin can send it only after a
 * preflight, which is never granted.
 */
const UI_HEADER = "x-lyftr-ui";

export interface AuthOptions {
  readonly keys: Pick<ApiKeys, "authenticate" | "refusalOf" | "accepts">;
  /** Whether all clients may read now. */
  readonly isReadingOpen: () => boolean;
  /** Whether the metrics require a key. */
  readonly metricsGuarded: boolean;
  readonly sessions: Pick<SessionCookies, "read">;
  readonly limiting: RateLimiting;
  readonly metrics: Pick<Runtime["metrics"], "apiKeyChecks">;
}

type AuthDecision = "allowed" | "unauthorized" | "forbidden";

/** Why a request has no key that could be checked, for the log only. */
type NoKey =
  | "no_header"
  | "malformed"
  | "no_ui_header"
  | "other_origin"
  | Extract<SessionReading, { kind: "refused" }>["reason"];

/** The key that a request presents. */
type Credential = { readonly key: string } | { readonly key: undefined; readonly reason: NoKey };

/** Which clients may read: those with a key, all, or all until the first key exists. */
export type ReadMode = "keys" | "open" | "until_first_key";

/** A client that is signed in. */
export interface SignedIn {
  readonly session: Session;
  readonly holder: KeyHolder;
}

/** Checks API keys and sessions. It looks only at the headers of a request. */
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

  /** The person that the cookie of a request signs in. */
  signedIn(request: Request): SignedIn | undefined {
    if (request.headers.authorization !== undefined) return undefined;
    const reading = this.#sessionIn(request);
    if (reading.kind !== "signed_in") return undefined;
    request.apiKey = this.#options.keys.authenticate(reading.session.key);
    return request.apiKey && { session: reading.session, holder: request.apiKey };
  }

  /**
   * Checks a key with which a person signs in. The refusal is that of every route; undefined admits
   * the key.
   */
  refuseSignIn(request: Request, key: string): Reply | undefined {
    const { keys, metrics } = this.#options;
    request.apiKey = keys.authenticate(key);
    const isKnown = request.apiKey !== undefined;
    metrics.apiKeyChecks.inc({ result: isKnown ? "ok" : "unauthorized" });
    return isKnown ? undefined : this.#refusal(request, keys.refusalOf(key));
  }

  /**
   * Counts a cookie with a key that is refused as a failure, and refuses it beyond their limit. A
   * sender that knows WEBHOOK_SECRET can make cookies, and could guess keys with them.
   */
  refuseGuess(request: Request): Reply | undefined {
    const isGuess =
      request.apiKey === undefined &&
      request.headers.authorization === undefined &&
      this.#sessionIn(request).kind === "signed_in";
    if (!isGuess) return undefined;
    this.#options.metrics.apiKeyChecks.inc({ result: "unauthorized" });
    return this.#options.limiting.refuseFailure(request, "failed_key");
  }

  /** Refuses a request to sign in or out that the dashboard has not sent. */
  refuseOtherPage(request: Request): Reply | undefined {
    return hasUiHeader(request) ? undefined : this.#refusal(request, "no_ui_header");
  }

  #check(request: Request, access: RouteAccess): AuthDecision {
    const { key } = this.#credentialOf(request);
    request.apiKey = key === undefined ? undefined : this.#options.keys.authenticate(key);
    if (access === "read" && this.#options.isReadingOpen()) {
      request.addHeaders(READ_AUTH_OPEN);
      return "allowed";
    }
    const decision = decisionOn(request.apiKey, access);
    this.#options.metrics.apiKeyChecks.inc({ result: decision === "allowed" ? "ok" : decision });
    return decision;
  }

  #unauthorized(request: Request): Reply {
    const credential = this.#credentialOf(request);
    const reason =
      credential.key === undefined
        ? credential.reason
        : this.#options.keys.refusalOf(credential.key);
    return this.#refusal(request, reason);
  }

  /** The answer is the same for every problem with the key. Only the log has the reason. */
  #refusal(request: Request, reason: NoKey | KeyRefusal): Reply {
    const refused =
      this.#options.limiting.refuseFailure(request, "failed_key") ??
      problem(401, "unauthorized", { headers: { "www-authenticate": "Bearer" } });
    return { ...refused, log: { reason, ...refused.log } };
  }

  /** A cookie counts for less than a header: beside one it is not looked at. */
  #credentialOf(request: Request): Credential {
    if (request.headers.authorization !== undefined) {
      const key = keyIn(request);
      return key === undefined ? { key, reason: "malformed" } : { key };
    }
    const reading = this.#sessionIn(request);
    switch (reading.kind) {
      case "none":
        return { key: undefined, reason: "no_header" };
      case "refused":
        return { key: undefined, reason: reading.reason };
      case "signed_in":
        return isRead(request) || hasUiHeader(request)
          ? { key: reading.session.key }
          : { key: undefined, reason: "no_ui_header" };
    }
  }

  #sessionIn(request: Request): SessionReading | OtherOrigin {
    const reading = this.#options.sessions.read(request);
    return reading.kind === "none" || isOfThisOrigin(request) ? reading : OTHER_ORIGIN;
  }
}

const OTHER_ORIGIN = { kind: "refused", reason: "other_origin" } as const;
type OtherOrigin = typeof OTHER_ORIGIN;

function isRead({ method }: Request): boolean {
  return method === "GET" || method === "HEAD";
}

function hasUiHeader({ headers }: Request): boolean {
  return headers[UI_HEADER] === "1";
}

/**
 * Whether the person or a page of this service sent the request, as far as the browser says. A page
 * on another port of the host makes the browser send the cookie: it cannot read the answer, but it
 * can see whether an image or a script loads, and how long that takes.
 */
function isOfThisOrigin({ headers }: Request): boolean {
  const site = headers["sec-fetch-site"];
  return site === undefined || site === "same-origin" || site === "none";
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
  const [given = "", ...more] = raw.headersDistinct.authorization ?? [];
  return more.length === 0 ? BEARER.exec(given)?.[1] : undefined;
}

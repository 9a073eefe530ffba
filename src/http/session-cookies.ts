import { hkdfSync } from "node:crypto";
import type { Clock } from "../domain/clock.ts";
import { NONCE_BYTES, SecretBox } from "../secrets/sealing.ts";
import type { Request } from "./route.ts";

const HOUR_MS = 3_600_000;
/** The time from the making of a cookie to its end. While the dashboard is used, it is renewed. */
export const COOKIE_MS = 12 * HOUR_MS;
/** A cookie that has less time left is renewed. */
const RENEWED_MS = COOKIE_MS / 2;
/** No renewal goes beyond this time after the sign-in. */
export const SESSION_MS_MAX = 7 * 24 * HOUR_MS;
/** The clock of the replica that made a cookie may be ahead by this much. */
const CLOCKS_DIFFER_MS_MAX = HOUR_MS;
/** Longer values are not decoded. It is a sealed key of that length, and some room. */
const VALUE_CHARACTERS_MAX = 3_000;
/** A page on another port of this host can add cookies of the same name, with other paths. */
const CANDIDATES_MAX = 8;

const PREFIX = "lyftr_";
const NAME_BYTES = 4;
/** A cookie of that name was set over HTTPS, by this host, for all its paths. */
const HOST_PREFIX = "__Host-";
const PURPOSE = "sessions";
const CONTENT = /^([0-9]{1,16})\.([0-9]{1,16})\.(.+)$/s;

/** A sign-in: the API key that the browser has in its cookie, and when it ends. */
export interface Session {
  readonly key: string;
  readonly signedInMs: number;
  readonly endsMs: number;
}

export type SessionReading =
  | { readonly kind: "none" }
  | { readonly kind: "refused"; readonly reason: "session_unreadable" | "session_expired" }
  | { readonly kind: "signed_in"; readonly session: Session };

/** A secret under which cookies are sealed, or were until then. */
export interface SessionSecret {
  readonly secret: string;
  readonly untilMs?: number | undefined;
}

export interface SessionCookiesOptions {
  /** Cookies are sealed under the first one, and opened under each. At least one. */
  readonly secrets: readonly [SessionSecret, ...SessionSecret[]];
  readonly clock: Pick<Clock, "now">;
  readonly randomBytes: (size: number) => Buffer;
}

interface Sealing {
  readonly name: string;
  readonly box: SecretBox;
  readonly untilMs: number;
}

/**
 * Seals API keys into cookies and opens them. Nothing is stored: each process that has one of the
 * secrets opens the cookie, and a person who reads the database cannot make one. A cookie gives no
 * access by itself, because its key is checked at each request.
 */
export class SessionCookies {
  readonly #clock: Pick<Clock, "now">;
  readonly #randomBytes: (size: number) => Buffer;
  readonly #current: Sealing;
  readonly #sealings: readonly Sealing[];

  constructor({ secrets, clock, randomBytes }: SessionCookiesOptions) {
    const [current, ...previous] = secrets;
    this.#clock = clock;
    this.#randomBytes = randomBytes;
    this.#current = sealingOf(current);
    this.#sealings = [this.#current, ...previous.map(sealingOf)];
  }

  /** A session that begins now. */
  begin(key: string): Session {
    const nowMs = this.#clock.now();
    return { key, signedInMs: nowMs, endsMs: nowMs + COOKIE_MS };
  }

  /** The same session with a later end, or undefined when it is too early or the last end. */
  renewed(session: Session): Session | undefined {
    const nowMs = this.#clock.now();
    if (session.endsMs - nowMs > RENEWED_MS) return undefined;
    const endsMs = Math.min(nowMs + COOKIE_MS, session.signedInMs + SESSION_MS_MAX);
    return endsMs <= session.endsMs ? undefined : { ...session, endsMs };
  }

  /** The session in the cookies of a request. */
  read(request: Request): SessionReading {
    const { cookie } = request.headers;
    if (cookie?.includes(PREFIX) !== true) return { kind: "none" };
    const nowMs = this.#clock.now();
    let result: SessionReading = { kind: "none" };
    for (const { sealing, value } of this.#candidates(cookie, request, nowMs)) {
      const opened = openedBy(sealing, value);
      const session = opened && isPossible(opened, nowMs) ? opened : undefined;
      if (session !== undefined && session.endsMs > nowMs) return { kind: "signed_in", session };
      result = {
        kind: "refused",
        reason: session === undefined ? "session_unreadable" : "session_expired",
      };
    }
    return result;
  }

  /** The value of `Set-Cookie` with this session. */
  cookieOf(session: Session, request: Request): string {
    const { name, box } = this.#current;
    const content = `${session.signedInMs}.${session.endsMs}.${session.key}`;
    const value = box.seal(name, content, this.#randomBytes(NONCE_BYTES));
    const seconds = Math.ceil((session.endsMs - this.#clock.now()) / 1_000);
    const isSecure = this.#isSentOverHttps(request);
    return setCookie(isSecure ? HOST_PREFIX + name : name, value, seconds, isSecure);
  }

  /**
   * The values of `Set-Cookie` that end every session of this browser here. A browser that sent no
   * cookie learns no name.
   */
  endingCookies(request: Request): readonly string[] {
    const { cookie = "" } = request.headers;
    const isSecure = isOverHttps(request);
    const names = this.#sealings.flatMap(({ name }) => [HOST_PREFIX + name, name]);
    const sent = new Set(Array.from(cookiesIn(cookie), ([name]) => name));
    return [...new Set(names)]
      .filter((name) => sent.has(name))
      .map((name) => setCookie(name, "", 0, isSecure || name.startsWith(HOST_PREFIX)));
  }

  /**
   * A request to renew a cookie has no `Origin`, and the proxy may not be trusted. Then the prefix
   * of the old cookie tells: browsers send such a cookie over HTTPS only.
   */
  #isSentOverHttps(request: Request): boolean {
    if (isOverHttps(request)) return true;
    const { cookie = "", origin } = request.headers;
    if (origin !== undefined) return false;
    const names = this.#sealings.map(({ name }) => HOST_PREFIX + name);
    return Array.from(cookiesIn(cookie), ([name]) => name).some((name) => names.includes(name));
  }

  /** The cookies that may be a session, the best first. */
  #candidates(cookie: string, request: Request, nowMs: number) {
    const places = new Map<string, { readonly sealing: Sealing; readonly rank: number }>();
    const accepted = this.#sealings.filter(({ untilMs }) => untilMs > nowMs);
    // Over HTTPS a cookie without the prefix is not ours: another host of the domain has set it.
    const prefixes = request.scheme === "https" ? [HOST_PREFIX] : [HOST_PREFIX, ""];
    for (const sealing of accepted.toReversed())
      for (const prefix of prefixes.toReversed())
        places.set(prefix + sealing.name, { sealing, rank: -places.size });
    const found: { readonly sealing: Sealing; readonly rank: number; readonly value: string }[] =
      [];
    for (const [name, value] of cookiesIn(cookie)) {
      const place = places.get(name);
      if (place === undefined || value.length > VALUE_CHARACTERS_MAX) continue;
      found.push({ ...place, value });
    }
    // Sorted first: cookies that another page has added must not displace one with the prefix.
    return found.sort((one, other) => one.rank - other.rank).slice(0, CANDIDATES_MAX);
  }
}

/**
 * The names and values in a `Cookie` header. What is not `name=value` is skipped. Node limits the
 * length of the header.
 */
export function* cookiesIn(header: string): Generator<readonly [name: string, value: string]> {
  for (let at = 0; at < header.length; ) {
    const semicolon = header.indexOf(";", at);
    const end = semicolon === -1 ? header.length : semicolon;
    const equals = header.indexOf("=", at);
    if (equals !== -1 && equals < end)
      yield [header.slice(at, equals).trim(), header.slice(equals + 1, end).trim()];
    at = end + 1;
  }
}

function sealingOf({ secret, untilMs = Number.POSITIVE_INFINITY }: SessionSecret): Sealing {
  // All ports of a host share their cookies: two services must not overwrite each other's.
  const digits = Buffer.from(hkdfSync("sha256", secret, "", "lyftr session name v1", NAME_BYTES));
  return {
    name: PREFIX + digits.toString("hex"),
    box: new SecretBox(secret, PURPOSE),
    untilMs,
  };
}

function openedBy({ name, box }: Sealing, value: string): Session | undefined {
  const content = box.open(name, value);
  if (content === undefined) return undefined;
  const [, signedIn, ends, key] = CONTENT.exec(content) ?? [];
  if (key === undefined) return undefined;
  return { key, signedInMs: Number(signedIn), endsMs: Number(ends) };
}

/**
 * Whether a service can have made the session. A sender knows WEBHOOK_SECRET, under which cookies
 * are sealed without MASTER_KEY, so it can make one of any age. It still needs a valid key.
 */
function isPossible({ signedInMs, endsMs }: Session, nowMs: number): boolean {
  return signedInMs <= nowMs + CLOCKS_DIFFER_MS_MAX && endsMs <= signedInMs + SESSION_MS_MAX;
}

/** Whether the browser uses HTTPS: by the page that asks, or by the proxy in front. */
function isOverHttps(request: Request): boolean {
  return request.headers.origin?.startsWith("https://") === true || request.scheme === "https";
}

function setCookie(name: string, value: string, seconds: number, isSecure: boolean): string {
  return `${name}=${value}; Max-Age=${seconds}; Path=/; HttpOnly; SameSite=Strict${isSecure ? "; Secure" : ""}`;
}

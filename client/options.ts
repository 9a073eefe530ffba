import { type Clock, systemClock } from "./clock.ts";
import { LyftrError } from "./errors.ts";
import type { Fetch } from "./request.ts";

const DEADLINE_MS = 60_000;
/** The service ends every request within ten seconds, even if its database hangs. */
const ATTEMPT_MS = 15_000;
const CONCURRENCY = 16;
const COUNT_MAX = 1_024;
/** The maximum of a timer, some 24 days. */
const MS_MAX = 2 ** 31 - 1;

export interface LyftrClientOptions {
  /**
   * The URL of the service, `https://lyftr.example.com`. It may include a path in front of the
   * routes.
   */
  readonly url: string;
  /** WEBHOOK_SECRET of the service; needed to send. */
  readonly secret?: string | undefined;
  /** Needed to read, unless reading is open. */
  readonly apiKey?: string | undefined;
  /** For one call with all its attempts. Default: 60 seconds. */
  readonly deadlineMs?: number | undefined;
  /** For one attempt, to the end of its answer. Default: 15 seconds. */
  readonly attemptMs?: number | undefined;
  /** The maximum number of attempts of one call. Default: as many as the deadline allows. */
  readonly attemptsMax?: number | undefined;
  /** Requests of this client that are under way at once. Default: 16. */
  readonly concurrency?: number | undefined;
  /** Replaces the platform's fetch, for example by `nodeFetch()`. */
  readonly fetch?: Fetch | undefined;
  readonly random?: (() => number) | undefined;
  readonly clock?: Clock | undefined;
}

/** The options, checked and complete. */
export interface ClientSettings {
  readonly baseUrl: string;
  readonly secret: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly deadlineMs: number;
  readonly attemptMs: number;
  readonly attemptsMax: number;
  readonly concurrency: number;
  readonly fetch: Fetch;
  readonly random: () => number;
  readonly clock: Clock;
}

export function settingsOf(options: LyftrClientOptions): ClientSettings {
  const {
    url,
    secret,
    apiKey,
    attemptsMax,
    fetch,
    random = Math.random,
    clock = systemClock,
  } = options;
  if (secret?.trim() === "") throw new LyftrError("usage", "secret is empty");
  // fetch() would repeat the key in its own error.
  if (apiKey !== undefined && !/^[\x21-\x7e]+$/.test(apiKey))
    throw new LyftrError("usage", "apiKey is empty, or has characters that keys do not have");
  return {
    baseUrl: baseUrlOf(url),
    secret,
    headers: apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` },
    deadlineMs: milliseconds("deadlineMs", options.deadlineMs ?? DEADLINE_MS),
    attemptMs: milliseconds("attemptMs", options.attemptMs ?? ATTEMPT_MS),
    attemptsMax:
      attemptsMax === undefined ? Number.POSITIVE_INFINITY : countOf("attemptsMax", attemptsMax),
    concurrency: concurrencyOf(options.concurrency ?? CONCURRENCY),
    // Looked up at each call, so that later instrumentation is used too.
    fetch: fetch ?? ((address, init) => globalThis.fetch(address, init)),
    random,
    clock,
  };
}

export function milliseconds(name: string, value: number): number {
  if (value > 0 && value <= MS_MAX) return value;
  throw new LyftrError("usage", `${name} must be more than 0 and at most ${MS_MAX} milliseconds`);
}

export function concurrencyOf(value: number): number {
  return countOf("concurrency", value);
}

/** A number of requests, connections or attempts. */
export function countOf(name: string, value: number): number {
  if (Number.isInteger(value) && value >= 1 && value <= COUNT_MAX) return value;
  throw new LyftrError("usage", `${name} must be a whole number from 1 to ${COUNT_MAX}`);
}

const TRACEPARENT = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-[!-~]*)?$/;

/**
 * An invalid traceparent is a mistake of the caller: the service would ignore it, and the trace
 * would be missing.
 */
export function traceHeader(traceparent: string | undefined): Readonly<Record<string, string>> {
  if (traceparent === undefined) return {};
  if (TRACEPARENT.test(traceparent)) return { traceparent };
  throw new LyftrError(
    "usage",
    "traceparent must look like 00-TRACE-SPAN-01, with 32 and 16 hexadecimal digits",
  );
}

/**
 * The URL without a slash at its end, and without `/webhook`: people copy the address that senders
 * get.
 */
function baseUrlOf(text: string): string {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new LyftrError("usage", "url is not a URL; it looks like https://lyftr.example.com");
  }
  if (url.protocol !== "http:" && url.protocol !== "https:")
    throw new LyftrError("usage", `url must begin with http:// or https://, not ${url.protocol}`);
  if (url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "")
    throw new LyftrError("usage", "url must have no user, password, query or fragment");
  return `${url.origin}${url.pathname.replace(/\/+$/, "").replace(/\/webhook$/, "")}`;
}

// One request to the service. Every outcome is a value: nothing here throws but a mistake in the
// code. The answers are never kept by the browser (`no-store`): the page sends the ETags itself.

/** The dashboard is at `ui/`, below the service. */
const SERVICE = "../";
const REQUEST_MS_MAX = 60_000;
/** When a 429 or a 503 does not say how long. */
const RETRY_SECONDS_DEFAULT = 5;
const RETRY_SECONDS_MAX = 300;
/**
 * How old a later answer may be. While messages come in, the tabs that ask for the same then share
 * one read of the database each second.
 */
const ANSWER_AGE_SECONDS_MAX = 1;
const MS_PER_S = 1_000;

/** When this page last changed something. Answers from before that are not wanted. */
let changedMs = Number.NEGATIVE_INFINITY;

export type Outcome<T> =
  | { readonly kind: "ok"; readonly value: T; readonly etag: string | undefined }
  /** 304: what is known is still right. */
  | { readonly kind: "unchanged" }
  | Failure;

export type Failure =
  | { readonly kind: "unauthorized" }
  | { readonly kind: "forbidden" }
  | { readonly kind: "not_found" }
  /** The service does not accept the request. `sentence` is its own. */
  | {
      readonly kind: "refused";
      readonly status: number;
      readonly type: string | undefined;
      readonly sentence: string;
      readonly body: unknown;
    }
  /** 429 or 503: ask again after this time. */
  | { readonly kind: "busy"; readonly status: number; readonly retrySeconds: number }
  /** Any other 5xx of the service. */
  | { readonly kind: "failed"; readonly status: number }
  /** Something that is not the service answered: a proxy, a portal. */
  | { readonly kind: "foreign"; readonly status: number }
  | { readonly kind: "offline" }
  | { readonly kind: "aborted" };

export interface RequestOptions {
  readonly method?: "GET" | "POST" | "DELETE";
  /** Sent as JSON. */
  readonly body?: unknown;
  readonly etag?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

type Listener = () => void;
const listeners = new Set<Listener>();

/** Calls the listener whenever a request has no valid key. */
export function onUnauthorized(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** The address of a route of the service, for links and downloads. `path` begins with no slash. */
export function serviceUrl(path: string): string {
  return `${SERVICE}${path}`;
}

/** Sends a request. `path` begins with no slash: `messages?limit=50`. */
export async function request<T>(path: string, options: RequestOptions = {}): Promise<Outcome<T>> {
  const timeout = AbortSignal.timeout(REQUEST_MS_MAX);
  const signal = options.signal ? AbortSignal.any([options.signal, timeout]) : timeout;
  try {
    const response = await fetch(serviceUrl(path), {
      method: options.method ?? "GET",
      headers: headersOf(options),
      body: options.body === undefined ? null : JSON.stringify(options.body),
      cache: "no-store",
      credentials: "same-origin",
      redirect: "error",
      signal,
    });
    return await outcomeOf<T>(response);
  } catch {
    return { kind: options.signal?.aborted === true ? "aborted" : "offline" };
  } finally {
    // Without an answer it may have changed something, too.
    if (options.method !== undefined && options.method !== "GET") changedMs = performance.now();
  }
}

function headersOf({ method = "GET", body, etag }: RequestOptions): Record<string, string> {
  // A page of another origin cannot send the second header, so it cannot use the cookie.
  const headers: Record<string, string> = { accept: "application/json", "x-lyftr-ui": "1" };
  if (body !== undefined) headers["content-type"] = "application/json";
  if (etag !== undefined) headers["if-none-match"] = etag;
  const isChangeOld = performance.now() - changedMs > ANSWER_AGE_SECONDS_MAX * MS_PER_S;
  // The first answer is not: it may be shown for a minute.
  if (method === "GET" && etag !== undefined && isChangeOld)
    headers["cache-control"] = `max-age=${ANSWER_AGE_SECONDS_MAX}`;
  return headers;
}

async function outcomeOf<T>(response: Response): Promise<Outcome<T>> {
  const { status } = response;
  if (status === 304) return { kind: "unchanged" };
  const etag = response.headers.get("etag") ?? undefined;
  if (status === 204) return { kind: "ok", value: undefined as T, etag };
  const body = parsed(await response.text());
  if (response.ok)
    return body === undefined
      ? { kind: "foreign", status }
      : { kind: "ok", value: body.json as T, etag };
  if (status === 429 || status === 503)
    return { kind: "busy", status, retrySeconds: retrySecondsOf(response.headers) };
  if (body === undefined) return { kind: "foreign", status };
  return failureOf(status, body.json);
}

function failureOf(status: number, body: unknown): Failure {
  if (status === 401) {
    for (const listener of listeners) listener();
    return { kind: "unauthorized" };
  }
  if (status === 403) return { kind: "forbidden" };
  if (status === 404) return { kind: "not_found" };
  if (status >= 500) return { kind: "failed", status };
  return { kind: "refused", status, ...detailOf(body), body };
}

function parsed(text: string): { readonly json: unknown } | undefined {
  try {
    return { json: JSON.parse(text) };
  } catch {
    return undefined;
  }
}

/** Seconds or a date, as RFC 9110 allows. */
function retrySecondsOf(headers: Headers): number {
  const value = headers.get("retry-after");
  if (value === null) return RETRY_SECONDS_DEFAULT;
  const seconds = /^\d+$/.test(value)
    ? Number(value)
    : Math.ceil((Date.parse(value) - Date.now()) / 1_000);
  if (!Number.isFinite(seconds)) return RETRY_SECONDS_DEFAULT;
  return Math.min(Math.max(seconds, 1), RETRY_SECONDS_MAX);
}

/** `detail` is a sentence, or a list of findings with a type and a sentence. */
function detailOf(body: unknown): { readonly type: string | undefined; readonly sentence: string } {
  const detail = (body as { readonly detail?: unknown } | null)?.detail;
  if (typeof detail === "string") return { type: undefined, sentence: detail };
  const first = (Array.isArray(detail) ? detail[0] : detail) as
    | { readonly type?: unknown; readonly msg?: unknown }
    | undefined;
  return {
    type: typeof first?.type === "string" ? first.type : undefined,
    sentence: typeof first?.msg === "string" ? first.msg : "",
  };
}

import { abortedBy, LyftrError } from "./errors.ts";

/** The part of the platform's `fetch` that is used here. */
export type Fetch = (url: string, init: FetchInit) => Promise<FetchAnswer>;

/** The part of a RequestInit that is used here. */
export interface FetchInit {
  readonly method: "GET" | "POST";
  readonly headers: Record<string, string>;
  readonly body?: Uint8Array<ArrayBuffer>;
  readonly redirect: "manual";
  readonly signal: AbortSignal;
}

/** The part of a Response that is used here. */
export interface FetchAnswer {
  readonly status: number;
  /** Names are in lower case. */
  readonly headers: { get(name: string): string | null };
  readonly body: AsyncIterable<Uint8Array> | null;
  text(): Promise<string>;
}

export interface HttpRequest {
  readonly url: string;
  readonly method: "GET" | "POST";
  readonly headers: Record<string, string>;
  readonly body?: Uint8Array<ArrayBuffer>;
  /** The maximum size of the response body. */
  readonly bytesMax: number;
}

export interface HttpAnswer {
  readonly status: number;
  readonly retryAfter: string | null;
  readonly text: string;
  /** The body was longer than allowed: `text` is its beginning, and the connection is closed. */
  readonly truncated: boolean;
}

export interface RequestLimits {
  /** From the first byte of the request to the last of the answer. */
  readonly msMax: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Sends one request and returns its answer. Everything else is thrown as a LyftrError, and leaves
 * neither a timer nor a connection open.
 */
export async function request(
  fetch: Fetch,
  wanted: HttpRequest,
  limits: RequestLimits,
): Promise<HttpAnswer> {
  const { msMax, signal } = limits;
  if (signal?.aborted) throw abortedBy(signal);
  // One controller for each request: a long-lived signal would accumulate what fetch() attaches to
  // it.
  const controller = new AbortController();
  const abort = () => controller.abort();
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    abort();
  }, msMax);
  signal?.addEventListener("abort", abort);
  try {
    const { url, method, headers, body } = wanted;
    // A redirect is not followed: it would take the signed message and the key to another server.
    const init = { method, headers, redirect: "manual", signal: controller.signal } as const;
    const response = await fetch(url, body === undefined ? init : { ...init, body });
    const { text, truncated } = await boundedText(response, wanted.bytesMax);
    return {
      status: response.status,
      retryAfter: response.headers.get("retry-after"),
      text,
      truncated,
    };
  } catch (error) {
    if (signal?.aborted) throw abortedBy(signal);
    if (late) throw new LyftrError("timeout", `no complete answer within ${Math.round(msMax)} ms`);
    if (error instanceof LyftrError) throw error;
    throw failureOf(error, wanted.url);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
  }
}

async function boundedText(
  answer: FetchAnswer,
  bytesMax: number,
): Promise<{ text: string; truncated: boolean }> {
  const { headers, body } = answer;
  if (body === null) return { text: "", truncated: false };
  // HTTP itself checks a declared length, unless the body has another coding.
  const isCoded = headers.get("content-encoding") ?? headers.get("transfer-encoding");
  const declared = isCoded === null ? headers.get("content-length") : null;
  if (declared !== null && Number(declared) <= bytesMax)
    return { text: await answer.text(), truncated: false };
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  // Leaving the loop early closes the connection.
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > bytesMax) return { text, truncated: true };
    text += decoder.decode(chunk, { stream: true });
  }
  return { text: text + decoder.decode(), truncated: false };
}

/**
 * Error codes of TLS in Node and Bun, and error texts of Deno, about a certificate. None of these
 * errors resolves itself within a deadline.
 */
const CERTIFICATE = /CERT|SELF_SIGNED|UNABLE_TO_(GET|VERIFY)|ERR_TLS|invalid peer certificate/;
/** The answer is not HTTP, or its body is not compressed as its header says. */
const NOT_HTTP =
  /HTTPParserError|^HPE_|UND_ERR_HEADERS_OVERFLOW|^ERR_SSL|^EPROTO|^Z_DATA|^ERR__ERROR_|invalid HTTP|Malformed_HTTP/i;
/** It may have been HTTP, but ended in the middle. */
const ENDED = /EOF|CLOSED_CONNECTION/i;

function failureOf(error: unknown, url: string): LyftrError {
  const { code, name, message } = rootOf(error);
  const { origin } = new URL(url);
  const what = code ?? message;
  const words = [what, name, message];
  const says = (pattern: RegExp) => words.some((text) => pattern.test(text));
  const details = { code, cause: error };
  if (says(CERTIFICATE))
    return new LyftrError(
      "certificate",
      `the certificate of ${origin} is not accepted: ${what}`,
      details,
    );
  if (says(NOT_HTTP) && !says(ENDED))
    return new LyftrError("protocol", `${origin} does not speak HTTP: ${what}`, details);
  return new LyftrError("network", `the connection to ${origin} failed: ${what}`, details);
}

interface Root {
  readonly code: string | undefined;
  readonly name: string;
  readonly message: string;
}

/**
 * fetch() wraps the real error once or twice. For a host with several addresses that error is a
 * list.
 */
function rootOf(error: unknown): Root {
  const { cause, code, errors, name, message } = error as Readonly<Record<string, unknown>>;
  if (cause instanceof Error) return rootOf(cause);
  const first: unknown = Array.isArray(errors) ? errors[0] : undefined;
  if (first instanceof Error) return rootOf(first);
  return {
    code: typeof code === "string" ? code : undefined,
    name: String(name),
    message: String(message),
  };
}

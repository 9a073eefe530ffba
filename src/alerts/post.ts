import { codeInWords } from "../domain/failure-words.ts";

/** The result of one request. */
export type PostResult =
  | { readonly kind: "taken"; readonly status: number; readonly words: string }
  /** Repeating the request would not help. */
  | { readonly kind: "refused"; readonly status: number; readonly words: string }
  | {
      readonly kind: "failed";
      readonly reason: string;
      /** The target asks to wait at least this long. */
      readonly retryAfterMs: number;
      /** No answer came, or the answer does not say whether the target accepted the message. */
      readonly isOutcomeUnknown: boolean;
    };

const ANSWER_MS_MAX = 10_000;
const ANSWER_BYTES_MAX = 4_096;
const WORDS_CHARACTERS_MAX = 200;
const RETRY_AFTER_MS_MAX = 300_000;
const PASSING_REFUSALS: readonly number[] = [408, 425, 429];
/** The name of fetch()'s error. */
const TIMEOUT = "TimeoutError";
/** Errors that occur before anything is sent. */
const NOT_CONNECTED =
  /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|UND_ERR_CONNECT_TIMEOUT)$/;

export interface PostOptions {
  /** Aborts the request. */
  readonly signal: AbortSignal;
  /** Texts that are removed from the answer. */
  readonly secrets: readonly string[];
}

/**
 * Sends one request with a JSON body. It ends within ten seconds and reads a few kilobytes of the
 * answer. It follows no redirect, which could take a secret to a server that is not configured.
 */
export async function postJson(
  url: string,
  body: object,
  { signal, secrets }: PostOptions,
): Promise<PostResult> {
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json", "user-agent": "lyftr" },
      body: JSON.stringify(body),
      redirect: "manual",
      signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS_MAX)]),
    });
    const { status } = response;
    const words = wordsOf(await beginningOf(response), secrets);
    if (response.ok) return { kind: "taken", status, words };
    if (status < 500 && !PASSING_REFUSALS.includes(status))
      return { kind: "refused", status, words };
    const retryAfterMs = Math.min(
      RETRY_AFTER_MS_MAX,
      secondsOf(response.headers.get("retry-after")) * 1_000,
    );
    return {
      kind: "failed",
      reason: `It answered ${status}.`,
      retryAfterMs,
      isOutcomeUnknown: status >= 500,
    };
  } catch (error) {
    const code = codeOf(error);
    const reason =
      code === TIMEOUT ? `It did not answer within ${ANSWER_MS_MAX / 1_000} s.` : codeInWords(code);
    return { kind: "failed", reason, retryAfterMs: 0, isOutcomeUnknown: !NOT_CONNECTED.test(code) };
  }
}

async function beginningOf({ body }: Response): Promise<string> {
  if (body === null) return "";
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let text = "";
  for (let bytes = 0; bytes < ANSWER_BYTES_MAX; ) {
    const { value, done } = await reader.read();
    if (done) return text;
    bytes += value.length;
    text += decoder.decode(value, { stream: true });
  }
  await reader.cancel();
  return text;
}

/** The text as one short line, without the secrets. */
function wordsOf(text: string, secrets: readonly string[]): string {
  const clean = secrets.reduce((left, secret) => left.replaceAll(secret, "***"), text);
  return clean
    .replace(/[\s\p{C}]+/gu, " ")
    .trim()
    .slice(0, WORDS_CHARACTERS_MAX);
}

function secondsOf(header: string | null): number {
  return /^[0-9]{1,9}$/.test(header ?? "") ? Number(header) : 0;
}

/**
 * The code of the error inside fetch()'s error. For a host with several addresses that error is a
 * list. The messages may contain the URL, the codes do not.
 */
function codeOf(error: unknown): string {
  const { cause, code, errors, name } = error as Readonly<Record<string, unknown>>;
  if (name === TIMEOUT) return TIMEOUT;
  if (cause instanceof Error) return codeOf(cause);
  const [first] = Array.isArray(errors) ? errors : [];
  if (first instanceof Error) return codeOf(first);
  return typeof code === "string" ? code : String(name);
}

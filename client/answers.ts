import { type Issue, LyftrError, type LyftrErrorKind } from "./errors.ts";
import type { Stats, StoredMessage } from "./message.ts";
import type { HttpAnswer } from "./request.ts";
import { parseRetryAfter } from "./retry.ts";

const EXCERPT_CHARACTERS_MAX = 200;

export interface Page {
  readonly data: readonly StoredMessage[];
  readonly next_cursor: string | null;
}

/** Returns the value of a 200 response if it has the expected form. Throws otherwise. */
export function expected<T>(
  answer: HttpAnswer,
  nowMs: number,
  is: (value: unknown) => value is T,
): T {
  if (answer.status !== 200) throw refusalOf(answer, nowMs);
  if (answer.truncated) throw unexpected(answer, "the answer is longer than any answer of Lyftr");
  const value = parsed(answer.text);
  if (!is(value)) throw unexpected(answer, "the answer is not from Lyftr");
  return value;
}

/** A proxy's page or another service may also answer 200, but has stored nothing. */
export function isAccepted(value: unknown): value is { readonly status: "ok" } {
  return isObject(value) && value.status === "ok";
}

export function isStoredMessage(value: unknown): value is StoredMessage {
  return (
    isObject(value) && typeof value.message_id === "string" && typeof value.created_at === "string"
  );
}

export function isPage(value: unknown): value is Page {
  if (!isObject(value) || !Array.isArray(value.data) || !value.data.every(isStoredMessage))
    return false;
  return value.next_cursor === null || typeof value.next_cursor === "string";
}

export function isStats(value: unknown): value is Stats {
  return (
    isObject(value) &&
    Number.isInteger(value.total_messages) &&
    Array.isArray(value.messages_per_sender)
  );
}

function refusalOf(answer: HttpAnswer, nowMs: number): LyftrError {
  const { status, retryAfter, text } = answer;
  const kind = kindOf(status);
  if (kind === "protocol")
    return unexpected(
      answer,
      status >= 300 && status < 400 ? "redirects are not followed" : excerpt(text),
    );
  const body = parsed(text);
  const detail = isObject(body) ? body.detail : undefined;
  const issues = Array.isArray(detail) ? detail.filter(isIssue) : undefined;
  const problem = issues?.[0]
    ? `${issues[0].loc.join(".")}: ${issues[0].msg}`
    : typeof detail === "string"
      ? detail
      : text;
  const retryAfterMs = parseRetryAfter(retryAfter, nowMs);
  return new LyftrError(kind, `${status} ${excerpt(problem)}`.trim(), {
    status,
    issues,
    retryAfterMs,
  });
}

function kindOf(status: number): LyftrErrorKind {
  if (status === 401 || status === 403) return "unauthorized";
  if (status === 413) return "too_large";
  if (status === 429) return "rate_limited";
  if (status === 400 || status === 415 || status === 422) return "invalid";
  return status >= 500 || status === 408 ? "unavailable" : "protocol";
}

function unexpected({ status }: HttpAnswer, what: string): LyftrError {
  return new LyftrError("protocol", `answered ${status}, ${what}; is the URL right?`, { status });
}

function excerpt(text: string): string {
  // The server may send control characters, and the text may be shown on a terminal.
  return text
    .slice(0, EXCERPT_CHARACTERS_MAX)
    .replace(/[\s\p{Cc}]+/gu, " ")
    .trim();
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

function isIssue(value: unknown): value is Issue {
  return isObject(value) && typeof value.msg === "string" && Array.isArray(value.loc);
}

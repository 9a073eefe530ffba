/**
 * The kinds of errors that a caller may have to distinguish:
 * - `usage`: the call itself is wrong; nothing was sent;
 * - `unauthorized` 401 or 403, `invalid` 400, 415 or 422, `too_large` 413: refused, and not stored;
 * - `rate_limited` 429, `unavailable` 5xx or 408, `timeout`, `network`: retried until the deadline.
 *   The message may be stored; sending it again is safe, because of its id;
 * - `certificate`: the server's certificate is expired, for another name, or signed by an unknown
 *   authority;
 * - `protocol`: the server is not Lyftr, or something in between changes its answers;
 * - `aborted`: the caller's signal was aborted;
 * - `outbox`: the file of an outbox failed; `code` says how.
 */
export type LyftrErrorKind =
  | "usage"
  | "unauthorized"
  | "invalid"
  | "too_large"
  | "rate_limited"
  | "unavailable"
  | "timeout"
  | "network"
  | "certificate"
  | "protocol"
  | "aborted"
  | "outbox";

/** One problem of a refused message or query, as the service reports it. */
export interface Issue {
  readonly type: string;
  readonly loc: readonly (string | number)[];
  readonly msg: string;
}

export interface LyftrErrorDetails {
  /** The status of the answer, if there was one. */
  readonly status?: number | undefined;
  /** The platform's error code, such as `ECONNREFUSED`. */
  readonly code?: string | undefined;
  /** How long the server asked to wait before the next attempt. */
  readonly retryAfterMs?: number | undefined;
  readonly issues?: readonly Issue[] | undefined;
  readonly cause?: unknown;
}

const RETRYABLE: readonly LyftrErrorKind[] = ["rate_limited", "unavailable", "timeout", "network"];

/**
 * Everything that this client throws. Its message contains no secret, no key and nothing of the
 * sent message.
 */
export class LyftrError extends Error {
  override readonly name = "LyftrError";
  readonly kind: LyftrErrorKind;
  readonly status: number | undefined;
  readonly code: string | undefined;
  readonly retryAfterMs: number | undefined;
  readonly issues: readonly Issue[] | undefined;
  /** The number of attempts. */
  attempts = 0;

  constructor(
    kind: LyftrErrorKind,
    message: string,
    { cause, ...details }: LyftrErrorDetails = {},
  ) {
    super(message, cause === undefined ? {} : { cause });
    this.kind = kind;
    this.status = details.status;
    this.code = details.code;
    this.retryAfterMs = details.retryAfterMs;
    this.issues = details.issues;
  }

  /** Whether the same call may succeed later. */
  get retryable(): boolean {
    return RETRYABLE.includes(this.kind);
  }
}

/** The error for an aborted signal of the caller, whose reason is the cause. */
export function abortedBy(signal: AbortSignal): LyftrError {
  return new LyftrError("aborted", "aborted by the caller", { cause: signal.reason });
}

/**
 * What went wrong, as far as a caller has to tell it apart:
 * - `usage`: the call itself is wrong, nothing was sent;
 * - `unauthorized` 401 or 403, `invalid` 400, 415 or 422, `too_large` 413: refused, and not stored;
 * - `rate_limited` 429, `unavailable` 5xx or 408, `timeout`, `network`: tried again until the deadline. The message may be stored;
 *   sending it once more is safe, its id sees to that;
 * - `certificate`: the server's is expired, or not for this name, or signed by nobody known;
 * - `protocol`: whoever answers there is not Lyftr, or something between changes its answers;
 * - `aborted`: the caller's signal;
 * - `outbox`: the file of an outbox; `code` says which way.
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

/** One problem of a refused message or query, as the service tells it. */
export interface Issue {
  readonly type: string;
  readonly loc: readonly (string | number)[];
  readonly msg: string;
}

export interface LyftrErrorDetails {
  /** The status of the answer, when there was one. */
  readonly status?: number | undefined;
  /** How the platform calls it, `ECONNREFUSED` for one. */
  readonly code?: string | undefined;
  /** What the server asked to wait before the next attempt. */
  readonly retryAfterMs?: number | undefined;
  readonly issues?: readonly Issue[] | undefined;
  readonly cause?: unknown;
}

const RETRYABLE: readonly LyftrErrorKind[] = ["rate_limited", "unavailable", "timeout", "network"];

/** Everything that this client throws. Its message holds no secret, no key and nothing of the message sent. */
export class LyftrError extends Error {
  override readonly name = "LyftrError";
  readonly kind: LyftrErrorKind;
  readonly status: number | undefined;
  readonly code: string | undefined;
  readonly retryAfterMs: number | undefined;
  readonly issues: readonly Issue[] | undefined;
  /** How often it was tried. */
  attempts = 0;

  constructor(kind: LyftrErrorKind, message: string, { cause, ...details }: LyftrErrorDetails = {}) {
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

/** The caller's signal has been aborted; its reason is the cause. */
export function abortedBy(signal: AbortSignal): LyftrError {
  return new LyftrError("aborted", "aborted by the caller", { cause: signal.reason });
}

import type { Clock } from "./clock.ts";
import { abortedBy, LyftrError } from "./errors.ts";

const DELAY_MS_FIRST = 100;
const DELAY_MS_MAX = 5_000;
/**
 * With less time left no attempt is started: a timeout would hide the errors of the earlier
 * attempts.
 */
const ATTEMPT_MS_MIN = 50;
const SECOND_MS = 1_000;

export interface RetryOptions {
  /** The deadline for all attempts and the waiting between them. */
  readonly deadlineMs: number;
  /** The maximum number of attempts, even if the deadline allows more. */
  readonly attemptsMax?: number;
  readonly clock: Clock;
  /** Between 0 and 1. */
  readonly random: () => number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Full jitter: a random time between 0 and a limit that doubles. So senders that failed together do
 * not come back together. The server's Retry-After is waited in any case, with the jitter on top,
 * because the server sends the same to many clients.
 */
export function retryDelayMs(
  attempt: number,
  retryAfterMs: number | undefined,
  random: () => number,
  delayMsMax: number = DELAY_MS_MAX,
): number {
  const limitMs = Math.min(delayMsMax, DELAY_MS_FIRST * 2 ** (attempt - 1));
  return (retryAfterMs ?? 0) + random() * limitMs;
}

/** `Retry-After`: seconds, or a date. Undefined when it is neither. */
export function parseRetryAfter(header: string | null, nowMs: number): number | undefined {
  if (header === null) return undefined;
  const text = header.trim();
  if (/^[0-9]{1,10}$/.test(text)) return Number(text) * SECOND_MS;
  // The three date forms of HTTP begin with a weekday. Date.parse alone would also accept "-5" and
  // "1.5" as dates.
  if (!/^[A-Z][a-z]{2,8},? /.test(text)) return undefined;
  // The oldest form names no zone. Date.parse would take it as local time.
  const dateMs = Date.parse(text.endsWith("GMT") ? text : `${text} GMT`);
  return Number.isNaN(dateMs) ? undefined : Math.max(0, dateMs - nowMs);
}

/**
 * Repeats attempts until one succeeds, one fails for good, or the next would start too late. In the
 * last case the last error is thrown at once, because waiting could not change it. An attempt gets
 * the number of milliseconds that are left.
 */
export async function withRetries<T>(
  attempt: (leftMs: () => number) => Promise<T>,
  { deadlineMs, attemptsMax = Number.POSITIVE_INFINITY, clock, random, signal }: RetryOptions,
): Promise<{ readonly value: T; readonly attempts: number }> {
  const endMs = clock.monotonic() + deadlineMs;
  const leftMs = () => endMs - clock.monotonic();
  for (let attempts = 1; ; attempts++) {
    if (signal?.aborted) throw abortedBy(signal);
    try {
      return { value: await attempt(leftMs), attempts };
    } catch (error) {
      if (!(error instanceof LyftrError)) throw error;
      error.attempts = attempts;
      if (!error.retryable || attempts >= attemptsMax) throw error;
      const delayMs = retryDelayMs(attempts, error.retryAfterMs, random);
      if (delayMs + ATTEMPT_MS_MIN > leftMs()) throw error;
      await clock.sleep(delayMs, signal);
    }
  }
}

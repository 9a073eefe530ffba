import {
  ConfigError,
  Overloaded,
  QueryTooExpensive,
  ReadCancelled,
  StoreDamaged,
  StoreRefused,
  StoreUnavailable,
} from "../../domain/errors.ts";

interface ServerError extends Error {
  /** SQLSTATE, or the code of a failed system call. */
  readonly code?: string;
}

/**
 * Classes of SQLSTATE that say that the server cannot do it now: connections, snapshots and rollbacks, resources, its operator, its disk;
 * 25006 is a server that only reads, 55P03 and 57014 are waits that took too long, 28 is a password that changes right now.
 */
const PASSING = /^(08|28|40|53|57|58|25006|25P0|55P03|3D000|XX000)/;
/** A page of a table, or of an index, is not what was written. */
const DAMAGED = ["XX001", "XX002"];
const DEADLOCK = "40P01";
const SERIALIZATION = "40001";
const QUERY_CANCELED = "57014";
const LOCK_NOT_AVAILABLE = "55P03";

function codeOf(error: unknown): string {
  return String((error as ServerError | undefined)?.code ?? "");
}

/** Whether the server itself took the transaction back and asks for it again. */
export function isRetryable(error: unknown): boolean {
  return [DEADLOCK, SERIALIZATION].includes(codeOf(error));
}

/**
 * Whether a statement may have been committed though it failed: the connection was lost, or its server end was shut down, which can
 * happen behind the commit. Anything else that the server says is its word that nothing was done.
 */
export function isOutcomeUnknown(error: unknown): boolean {
  return !/^[0-9A-Z]{5}$/.test(codeOf(error)) || /^(08|57P)/.test(codeOf(error));
}

/** Whether the server ended a statement that took too long. */
export function isStatementTimeout(error: unknown): boolean {
  return codeOf(error) === QUERY_CANCELED;
}

/** Whether the server ended a statement because a lock was not to be had in time. */
export function isLockTimeout(error: unknown): boolean {
  return codeOf(error) === LOCK_NOT_AVAILABLE;
}

const OUR_OWN = [StoreUnavailable, StoreRefused, ConfigError, Overloaded, QueryTooExpensive, ReadCancelled];

/** What a failure of the server, or of the way to it, means to callers; see the interface of the store. */
export function toStoreError(error: unknown): Error {
  const failure = error instanceof Error ? error : new Error(String(error));
  if (OUR_OWN.some((Known) => failure instanceof Known)) return failure;
  const code = codeOf(failure);
  if (DAMAGED.includes(code)) return new StoreDamaged(`PostgreSQL: ${failure.message} (${code})`, { cause: failure });
  // Five characters of capitals and digits are the server's own; a bad row is told as it is, so that its neighbours can be stored.
  if (/^[0-9A-Z]{5}$/.test(code) && !PASSING.test(code)) return failure;
  // Neither the row nor the values are repeated: an engine quotes them in its details, never in what it calls its message here.
  return new StoreUnavailable(`PostgreSQL: ${failure.message}${code === "" ? "" : ` (${code})`}`, { cause: failure });
}

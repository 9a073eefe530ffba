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
 * Classes of SQLSTATE of temporary failures: connections, snapshots and rollbacks, resources, the
 * operator, the disk. 25006 is a read-only server, 55P03 and 57014 are timeouts, 28 is a password
 * that is being changed, and 42P01 is a table that is missing, which readiness reports too.
 */
const PASSING = /^(08|28|40|53|57|58|25006|25P0|42P01|55P03|3D000|XX000)/;
/** A page of a table or of an index differs from what was written. */
const DAMAGED = ["XX001", "XX002"];
const DEADLOCK = "40P01";
const SERIALIZATION = "40001";
const QUERY_CANCELED = "57014";
const LOCK_NOT_AVAILABLE = "55P03";

function codeOf(error: unknown): string {
  return String((error as ServerError | undefined)?.code ?? "");
}

/** Whether the server rolled the transaction back and it can be tried again. */
export function isRetryable(error: unknown): boolean {
  return [DEADLOCK, SERIALIZATION].includes(codeOf(error));
}

/**
 * Whether a failed statement may have been committed. That is so when the connection was lost, or
 * the server process was shut down, which can happen after the commit. Any other error of the
 * server means that nothing was done.
 */
export function isOutcomeUnknown(error: unknown): boolean {
  return !/^[0-9A-Z]{5}$/.test(codeOf(error)) || /^(08|57P)/.test(codeOf(error));
}

/** Whether the server ended a statement that took too long. */
export function isStatementTimeout(error: unknown): boolean {
  return codeOf(error) === QUERY_CANCELED;
}

/** Whether the server ended a statement because it did not get a lock in time. */
export function isLockTimeout(error: unknown): boolean {
  return codeOf(error) === LOCK_NOT_AVAILABLE;
}

const OUR_OWN = [
  StoreUnavailable,
  StoreRefused,
  ConfigError,
  Overloaded,
  QueryTooExpensive,
  ReadCancelled,
];

/**
 * Translates a failure of the server or the connection into an error of the store; see the `Store`
 * interface.
 */
export function toStoreError(error: unknown): Error {
  const failure = error instanceof Error ? error : new Error(String(error));
  if (OUR_OWN.some((Known) => failure instanceof Known)) return failure;
  const code = codeOf(failure);
  if (DAMAGED.includes(code))
    return new StoreDamaged(`PostgreSQL: ${failure.message} (${code})`, { cause: failure });
  // Five capitals and digits are the server's own code. The error of a bad row is thrown as it is,
  // so that the other rows can be stored.
  if (/^[0-9A-Z]{5}$/.test(code) && !PASSING.test(code)) return failure;
  // Neither the row nor its values are repeated. The server quotes them only in the details of an
  // error, not in its message.
  return new StoreUnavailable(`PostgreSQL: ${failure.message}${code === "" ? "" : ` (${code})`}`, {
    cause: failure,
  });
}

import type { DatabaseSync } from "node:sqlite";
import { StoreBroken } from "../../domain/errors.ts";
import { killProcess } from "../../domain/kill-process.ts";
import { toStoreError } from "./connection.ts";

let isBroken = false;

/**
 * After an I/O error, no connection of this process may be closed. The last one to close runs a
 * checkpoint, which would treat pages as written that a failed fsync has lost. Node closes all
 * connections when a worker thread or the process ends normally. So from now on the process is
 * killed at its end: the WAL stays as it is, and the next start reads it.
 */
export function forbidClosing(): void {
  if (isBroken) return;
  isBroken = true;
  process.once("exit", killProcess);
}

/** Whether connections may be closed and threads may end. */
export function mayClose(): boolean {
  return !isBroken;
}

/** Closes a connection of the main thread, unless an I/O error forbids it. */
export function closeUnlessBroken(db: DatabaseSync): void {
  if (!isBroken) db.close();
}

/** The store's error for a failure of a connection of the main thread; see {@link toStoreError}. */
export function failureOf(error: unknown): Error {
  const failure = toStoreError(error);
  if (failure instanceof StoreBroken) forbidClosing();
  return failure;
}

import type { DatabaseSync } from "node:sqlite";
import { StoreBroken } from "../../domain/errors.ts";
import { killProcess } from "../../domain/kill-process.ts";
import { toStoreError } from "./connection.ts";

let isBroken = false;

/**
 * After an I/O error no connection of this process may be closed. The last one to close runs a checkpoint, and that checkpoint
 * would take pages for written which a failed fsync has lost. Node closes all connections when a worker thread or the process
 * ends in order, so from now on the end of the process is a hard one: the log (WAL) stays as it is, and the next start reads it.
 */
export function forbidClosing(): void {
  if (isBroken) return;
  isBroken = true;
  process.once("exit", killProcess);
}

/** Whether connections may be closed and threads be ended. */
export function mayClose(): boolean {
  return !isBroken;
}

/** Closes a connection of the main thread, unless an I/O error forbids it. */
export function closeUnlessBroken(db: DatabaseSync): void {
  if (!isBroken) db.close();
}

/** What a failure of a connection of the main thread means, as {@link toStoreError}. */
export function failureOf(error: unknown): Error {
  const failure = toStoreError(error);
  if (failure instanceof StoreBroken) forbidClosing();
  return failure;
}

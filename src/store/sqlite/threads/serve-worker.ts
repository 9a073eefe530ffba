import { isMainThread, parentPort, workerData } from "node:worker_threads";
import { StoreBroken, StoreUnavailable } from "../../../domain/errors.ts";
import { toStoreError } from "../connection.ts";
import type { Answer, Call } from "./worker-client.ts";

/**
 * The operations of a thread. `afterAnswer` runs after each call, when its answer has been sent.
 * `broken` is called with the first I/O error.
 */
type Operations = Readonly<Record<string, (argument: never) => unknown>>;

/**
 * The thread's end of {@link WorkerClient}: answers calls with the operation of the same name.
 * `open` runs before the first call; its failure is that call's answer. Once the database is
 * broken, no operation runs: after a failed fsync, the success of the next fsync means nothing.
 */
export function serveWorker<Data extends { readonly path: string }>(
  open: (data: Data, report: (progress: string) => void) => Operations,
): void {
  if (isMainThread || parentPort === null)
    throw new Error("this file is the code of a worker thread");
  const port = parentPort;
  const data = workerData as Data;
  const report = (progress: string) => port.postMessage({ progress } satisfies Answer);
  let operations: Operations | undefined;
  let broken: Error | undefined;
  const toFailure = (error: unknown) => {
    const meaning = toStoreError(error, data.path);
    if (meaning instanceof StoreBroken && broken === undefined) {
      broken = meaning;
      operations?.broken?.(error as never);
    }
    return meaning;
  };
  const afterAnswer = () => {
    try {
      operations?.afterAnswer?.(undefined as never);
    } catch (error) {
      const meaning = toFailure(error);
      // A lock or a full disk is temporary: the next call tries again.
      if (meaning instanceof StoreUnavailable && !(meaning instanceof StoreBroken)) return;
      const { name, message } = meaning;
      port.postMessage({ id: undefined, failure: { name, message } } satisfies Answer);
    }
  };
  port.on("message", ({ id, operation, argument }: Call) => {
    try {
      if (broken !== undefined) throw broken;
      // Nothing was opened, so there is nothing to close.
      if (operation === "close" && operations === undefined)
        operations = { close: () => undefined };
      operations ??= open(data, report);
      port.postMessage({ id, result: operations[operation]?.(argument as never) } satisfies Answer);
    } catch (error) {
      const { name, message } = toFailure(error);
      port.postMessage({ id, failure: { name, message } } satisfies Answer);
      return;
    }
    if (operation !== "close") afterAnswer();
  });
}

import { WorkerLine } from "../worker-line.ts";
import type { Findings } from "./findings.ts";

/** Examines a file in a thread of its own. Rejects with the signal's reason when it is aborted first. */
export async function examine(path: string, signal?: AbortSignal): Promise<Findings> {
  signal?.throwIfAborted();
  const line = new WorkerLine("integrity/examiner", { path });
  const aborted = Promise.withResolvers<never>();
  const abort = () => aborted.reject(signal?.reason);
  signal?.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([line.call<Findings>("examine"), aborted.promise]);
  } finally {
    signal?.removeEventListener("abort", abort);
    // Not waited for: the thread ends behind the statement that it is in.
    void line.terminate();
  }
}

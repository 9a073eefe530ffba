import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import type { Findings } from "../threads/examiner.ts";

/** Examines a file in its own thread. Rejects with the signal's reason when it is aborted first. */
export async function examine(path: string, signal?: AbortSignal): Promise<Findings> {
  signal?.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<Findings>();
  // The source runs as .ts, the published package as .js.
  const thread = new Worker(
    new URL(`../threads/examiner${extname(import.meta.url)}`, import.meta.url),
    {
      workerData: { path },
    },
  );
  const abort = () => reject(signal?.reason);
  thread.on("message", resolve);
  thread.on("error", reject);
  thread.on("exit", () => reject(new Error("the thread that reads the file ended")));
  signal?.addEventListener("abort", abort, { once: true });
  try {
    return await promise;
  } finally {
    signal?.removeEventListener("abort", abort);
    // Not awaited: the thread ends after its current statement.
    void thread.terminate();
  }
}

import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import type { Findings } from "../threads/examiner.ts";

/** Examines a file in a thread of its own. Rejects with the signal's reason when it is aborted first. */
export async function examine(path: string, signal?: AbortSignal): Promise<Findings> {
  signal?.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<Findings>();
  // The source runs as .ts, the published package as .js.
  const thread = new Worker(new URL(`../threads/examiner${extname(import.meta.url)}`, import.meta.url), {
    workerData: { path },
  });
  const abort = () => reject(signal?.reason);
  thread.on("message", resolve);
  thread.on("error", reject);
  thread.on("exit", () => reject(new Error("the thread that reads the file ended")));
  signal?.addEventListener("abort", abort, { once: true });
  try {
    return await promise;
  } finally {
    signal?.removeEventListener("abort", abort);
    // Not waited for: the thread ends behind the statement that it is in.
    void thread.terminate();
  }
}

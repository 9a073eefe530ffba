import { isMainThread, parentPort, workerData } from "node:worker_threads";
import { examineFile } from "./findings.ts";

// The code of a thread that reads a file from end to end, which takes seconds to minutes, and ends.
if (isMainThread || parentPort === null) throw new Error("this file is the code of a worker thread");
const { path } = workerData as { path: string };
parentPort.postMessage(await examineFile(path));

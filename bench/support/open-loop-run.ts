import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const GENERATOR = fileURLToPath(new URL("open-loop.ts", import.meta.url));

export interface OpenLoop {
  readonly url: string;
  readonly path: string;
  /** A file of `writeSignedMessages` to post; without one the path is asked for by GET. */
  readonly messages?: string;
  readonly rate: number;
  readonly seconds: number;
  readonly connections: number;
}

export interface OpenLoopResult {
  /** How often each status was answered. */
  readonly statuses: Readonly<Record<string, number>>;
  readonly unanswered: number;
  /** From the moment a request was due to the end of its answer. */
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** How late requests left: what of the latency may be the generator's or a queue for connections. */
  readonly sentLateP99Ms: number;
}

/** Runs the generator in a process of its own, so that neither its work nor its garbage is in the server's way. */
export async function runOpenLoop(load: OpenLoop): Promise<OpenLoopResult> {
  const args = Object.entries(load).flatMap(([key, value]) => [`--${key}`, String(value)]);
  const { stdout } = await promisify(execFile)(process.execPath, [GENERATOR, ...args]);
  const result = JSON.parse(stdout) as OpenLoopResult;
  const others = Object.keys(result.statuses).filter((status) => status !== "200");
  if (others.length > 0 || result.unanswered > 0) {
    throw new Error(
      `${load.path}: ${result.unanswered} of the requests were not answered, and the statuses were ${JSON.stringify(result.statuses)}`,
    );
  }
  return result;
}

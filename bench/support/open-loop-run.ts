import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";

const GENERATOR = fileURLToPath(new URL("open-loop.ts", import.meta.url));

export interface OpenLoop {
  readonly url: string;
  readonly path: string;
  /** A file of `writeSignedMessages` to post. Without one the path is requested with GET. */
  readonly messages?: string;
  /** Posts generated messages of this many senders, from this moment on, instead of a file. */
  readonly madeUpFromMs?: number;
  readonly senders?: number;
  /** The seed of their ids. Use another one for new messages: repeated ids are duplicates. */
  readonly madeUpSeed?: number;
  readonly rate: number;
  readonly seconds: number;
  readonly connections: number;
}

export interface OpenLoopResult {
  readonly sent: number;
  /** The number of answers by status. */
  readonly statuses: Readonly<Record<string, number>>;
  readonly unanswered: number;
  /** From the moment a request was due to the end of its answer. */
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /**
   * How late requests were sent: this part of the latency may come from the generator or from a
   * queue for connections.
   */
  readonly sentLateP99Ms: number;
}

export interface RunningOpenLoop extends AsyncDisposable {
  /** Rejects when not every request was answered with 200. */
  readonly result: Promise<OpenLoopResult>;
  /** Ends it early. */
  stop(): Promise<OpenLoopResult>;
}

/**
 * Starts the generator in its own process, so that its work and its garbage collection do not
 * disturb the server.
 */
export function startOpenLoop(load: OpenLoop): RunningOpenLoop {
  const args = Object.entries(load).flatMap(([key, value]) => [
    `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`,
    String(value),
  ]);
  const child = spawn(process.execPath, [GENERATOR, ...args], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const result = text(child.stdout).then((output) => checked(load, output));
  // The caller that stops it or awaits the result gets the rejection. Until then it must not be
  // reported as unhandled.
  result.catch(() => undefined);
  const stop = () => {
    child.kill("SIGTERM");
    return result;
  };
  return {
    result,
    stop,
    [Symbol.asyncDispose]: async () => {
      await stop().catch(() => undefined);
    },
  };
}

export function runOpenLoop(load: OpenLoop): Promise<OpenLoopResult> {
  return startOpenLoop(load).result;
}

function checked({ path }: OpenLoop, output: string): OpenLoopResult {
  if (output === "") throw new Error(`${path}: the load generator ended without a result`);
  const result = JSON.parse(output) as OpenLoopResult;
  const others = Object.keys(result.statuses).filter((status) => status !== "200");
  if (others.length > 0 || result.unanswered > 0) {
    throw new Error(
      `${path}: ${result.unanswered} of the requests were not answered, and the statuses were ${JSON.stringify(result.statuses)}`,
    );
  }
  return result;
}

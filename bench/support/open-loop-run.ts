import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";

const GENERATOR = fileURLToPath(new URL("open-loop.ts", import.meta.url));

export interface OpenLoop {
  readonly url: string;
  readonly path: string;
  /** A file of `writeSignedMessages` to post; without one the path is asked for by GET. */
  readonly messages?: string;
  /** Made-up messages of so many senders, from this moment on, are posted in place of a file. */
  readonly madeUpFromMs?: number;
  readonly senders?: number;
  /** Another one makes other ids: what is sent again is no new message. */
  readonly madeUpSeed?: number;
  readonly rate: number;
  readonly seconds: number;
  readonly connections: number;
}

export interface OpenLoopResult {
  readonly sent: number;
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

export interface RunningOpenLoop extends AsyncDisposable {
  /** Rejects when not every request was answered with 200. */
  readonly result: Promise<OpenLoopResult>;
  /** Ends it before its time. */
  stop(): Promise<OpenLoopResult>;
}

/** Starts the generator in a process of its own, so that neither its work nor its garbage is in the server's way. */
export function startOpenLoop(load: OpenLoop): RunningOpenLoop {
  const args = Object.entries(load).flatMap(([key, value]) => [
    `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`,
    String(value),
  ]);
  const child = spawn(process.execPath, [GENERATOR, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  const result = text(child.stdout).then((output) => checked(load, output));
  // Whoever stops it, or awaits the result, is told; until then a rejection is nobody's.
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

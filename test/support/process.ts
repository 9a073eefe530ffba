import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { LogLine } from "./service.ts";

const BIN = fileURLToPath(new URL("../../bin/lyftr.js", import.meta.url));
/** Not a promise of the service: how long to wait for it on a busy machine. */
const WAIT_MS_MAX = 60_000;

const { PATH = "", NODE_COMPILE_CACHE } = process.env;
/**
 * What test programs get of this process's environment: the paths of programs, and Node's compile
 * cache.
 */
export const INHERITED: Readonly<Record<string, string>> = {
  PATH,
  ...(NODE_COMPILE_CACHE !== undefined && { NODE_COMPILE_CACHE }),
};

/** The real binary in its own process. */
export interface LyftrProcess {
  readonly child: ChildProcess;
  /** Everything written to stdout and stderr so far. */
  readonly stdout: () => string;
  readonly stderr: () => string;
  /**
   * Resolves with the first log line, past or future, that matches; rejects when the process ends
   * without one.
   */
  line(fits: (line: LogLine) => boolean): Promise<LogLine>;
  /** Resolves with the exit code, or the signal that ended it. */
  readonly ended: Promise<number | string>;
  /** Kills it if it still runs. */
  [Symbol.asyncDispose](): Promise<void>;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** What to run instead of this checkout's command. */
  readonly command?: readonly [string, ...string[]];
}

/**
 * Runs `lyftr ARGS` with only `INHERITED` of this process's environment. `cwd` should be a
 * temporary folder: a `.env` there is read.
 */
export function runLyftr(args: readonly string[], options: RunOptions): LyftrProcess {
  const env = { ...INHERITED, ...options.env };
  const [program, ...before] = options.command ?? [process.execPath, BIN];
  const child = spawn(program, [...before, ...args], {
    cwd: options.cwd,
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let out = "";
  let err = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => (out += text));
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (err += text));
  const ended = once(child, "close").then(([code, signal]) => (code ?? signal) as number | string);
  return {
    child,
    stdout: () => out,
    stderr: () => err,
    ended,
    line: async (fits) => {
      const deadline = AbortSignal.timeout(WAIT_MS_MAX);
      for (;;) {
        const found = logLines(out).find(fits);
        if (found !== undefined) return found;
        if (child.exitCode !== null || child.signalCode !== null)
          throw new Error(`lyftr ended without that line\n${out}${err}`);
        await Promise.race([
          once(child.stdout as NodeJS.EventEmitter, "data", { signal: deadline }),
          ended,
        ]);
      }
    },
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
      await ended;
    },
  };
}

/** Starts `lyftr serve` and resolves when it listens. */
export async function serve(options: RunOptions): Promise<LyftrProcess & { readonly url: string }> {
  const lyftr = runLyftr(["serve"], {
    ...options,
    env: { HOST: "127.0.0.1", PORT: "0", WEBHOOK_SECRET: "testsecret", ...options.env },
  });
  const line = await lyftr.line(({ msg }) => msg === "listening");
  return { ...lyftr, url: String(line.url) };
}

/** The complete lines of a log, parsed. */
export function logLines(text: string): readonly LogLine[] {
  const lines = text.split("\n");
  lines.pop();
  return lines.map((line) => JSON.parse(line));
}

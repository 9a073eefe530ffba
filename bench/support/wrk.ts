import { execFile, execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const POSTING = fileURLToPath(new URL("wrk.lua", import.meta.url));
const ASKING = fileURLToPath(new URL("wrk-get.lua", import.meta.url));

export interface Load {
  readonly url: string;
  /** A file of `writeSignedMessages`. */
  readonly messages: string;
  readonly seconds: number;
  readonly connections: number;
}

export interface LoadResult {
  /** Answers with 200, without those that were under way at the end. */
  readonly accepted: number;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Ends the process and says what to install when a tool is missing. */
export function requireTool(name: string, versionFlag: string): void {
  try {
    execFileSync(name, [versionFlag], { stdio: "ignore" });
  } catch (error) {
    // wrk prints its version with exit code 1.
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") return;
    process.stderr.write(
      `${name} is needed and missing. Debian and Ubuntu: apt-get install ${name}. macOS: brew install ${name}.\n`,
    );
    process.exit(1);
  }
}

/**
 * Loads `url` as fast as it answers, and sends every message at most once. Rejects when any answer
 * was not 200.
 */
export async function runWrk({ messages, ...load }: Load): Promise<LoadResult> {
  const result = await run(load, POSTING, [messages, "1"]);
  if (result.refused > 0 || result.broken > 0) {
    throw new Error(
      `${result.refused} answers were not 200 (or the ${messages} ran out) and ${result.broken} connections failed`,
    );
  }
  return { ...result, accepted: result.answers };
}

/**
 * Loads `url` as fast as it answers. An overloaded service refuses some messages: these are neither
 * failures nor accepted.
 */
export async function askByWrk(load: Omit<Load, "messages">): Promise<LoadResult> {
  const result = await run(load, ASKING, []);
  if (result.broken > 0) throw new Error(`${result.broken} connections failed`);
  return { ...result, accepted: result.answers - result.refused };
}

async function run(
  { url, seconds, connections }: Omit<Load, "messages">,
  script: string,
  args: readonly string[],
): Promise<Omit<LoadResult, "accepted"> & { answers: number; refused: number; broken: number }> {
  // One thread: the generator takes one of the cores, and no more.
  const settings = [
    "-t",
    "1",
    "-c",
    String(connections),
    "-d",
    `${seconds}s`,
    "--timeout",
    "10s",
    "-s",
    script,
  ];
  const { stdout } = await promisify(execFile)("wrk", [...settings, url, "--", ...args]);
  return JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? "");
}

export interface ReadLoad {
  /** Requested with GET, again and again. */
  readonly url: string;
  readonly seconds: number;
  readonly connections: number;
  /** An API key. */
  readonly key: string;
}

/**
 * Requests as fast as it is answered, and resolves with the number of answers. Rejects when any was
 * not 200.
 */
export async function runWrkReads({ url, seconds, connections, key }: ReadLoad): Promise<number> {
  const settings = ["-t", "1", "-c", String(connections), "-d", `${seconds}s`, "--timeout", "10s"];
  const { stdout } = await promisify(execFile)("wrk", [
    ...settings,
    "-H",
    `Authorization: Bearer ${key}`,
    url,
  ]);
  if (/Non-2xx|Socket errors/.test(stdout))
    throw new Error(`${url}: not every answer was 200\n${stdout}`);
  return Number(/([0-9]+) requests in/.exec(stdout)?.[1]);
}

import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

const FLUSHED_MS_MAX = 10_000;

/**
 * The command that runs another one under strace. The tracer is a grandchild (-D), so that the
 * started process is the service itself.
 */
export function strace(
  path: string,
  calls: string,
  more: readonly string[] = [],
): readonly string[] {
  // With a seccomp filter all other system calls run at full speed.
  return [
    "strace",
    "-D",
    "-f",
    "--seccomp-bpf",
    "-ttt",
    "-y",
    ...more,
    "-e",
    `trace=${calls}`,
    "-e",
    "signal=none",
    "-o",
    path,
  ];
}

/** One line of a trace: a call, its beginning or its end. */
export interface TraceLine {
  readonly thread: string;
  readonly atMs: number;
  readonly text: string;
}

/** The trace of an ended process, in the order in which the kernel stopped its threads. */
export async function readTrace(path: string, pid: number): Promise<readonly TraceLine[]> {
  const deadline = performance.now() + FLUSHED_MS_MAX;
  for (;;) {
    const text = readFileSync(path, "latin1");
    if (new RegExp(`^${pid} +\\S+ \\+\\+\\+ (exited|killed)`, "m").test(text))
      return text.split("\n").flatMap(parseLine);
    if (performance.now() > deadline)
      throw new Error(`${path} does not end with the end of ${pid}`);
    await sleep(50);
  }
}

function parseLine(line: string): TraceLine[] {
  const [, thread, seconds, text] = /^(\d+) +(\d+\.\d+) (.*)$/.exec(line) ?? [];
  return thread === undefined || text === undefined
    ? []
    : [{ thread, atMs: 1_000 * Number(seconds), text }];
}

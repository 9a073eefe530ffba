import { readdirSync, readFileSync } from "node:fs";

/** Linux reports hundredths of a second to user space, whatever the kernel's own tick is. */
const TICKS_PER_SECOND = 100;
// Counted after the command's name, which may contain spaces: state is field 3 (man 5 proc).
const PARENT = 1;
/** utime, stime, and cutime, cstime: of the children that have ended. */
const TIMES = [11, 12, 13, 14];
/** Counted from the first number of a line of /proc/stat: idle and iowait. */
const IDLE = [3, 4];

/**
 * The CPU seconds, user and system, of all threads of a process and of its children, including
 * ended ones.
 */
export function cpuSeconds(pid: number): number {
  const fields = statOf(pid);
  const own = TIMES.reduce((sum, at) => sum + Number(fields[at]), 0) / TICKS_PER_SECOND;
  return childrenOf(pid).reduce((sum, child) => sum + cpuSecondsIfThere(child), own);
}

/**
 * The CPU seconds of the threads that a process has now, to the nanosecond. {@link cpuSeconds} has
 * hundredths of a second, which is too coarse for a few requests.
 */
export function threadSeconds(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`);
  return threads.reduce((sum, thread) => sum + threadNanos(pid, thread) / 1e9, 0);
}

function threadNanos(pid: number, thread: string): number {
  try {
    return Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ")[0]);
  } catch (error) {
    if (["ENOENT", "ESRCH"].includes((error as NodeJS.ErrnoException).code ?? "")) return 0;
    throw error;
  }
}

export function parentOf(pid: number): number {
  return Number(statOf(pid)[PARENT]);
}

/** The children that the main thread has started. */
export function childrenOf(pid: number): readonly number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
  return text === "" ? [] : text.split(" ").map(Number);
}

/** The idle seconds of all cores of the machine together. */
export function idleSeconds(): number {
  const fields = /^cpu +(.*)$/m.exec(readFileSync("/proc/stat", "utf8"))?.[1]?.split(" ") ?? [];
  return IDLE.reduce((sum, at) => sum + Number(fields[at]), 0) / TICKS_PER_SECOND;
}

/** The process of a connection may end at any moment. Then its time is part of its parent's. */
function cpuSecondsIfThere(pid: number): number {
  try {
    return cpuSeconds(pid);
  } catch (error) {
    if (["ENOENT", "ESRCH"].includes((error as NodeJS.ErrnoException).code ?? "")) return 0;
    throw error;
  }
}

function statOf(pid: number): readonly string[] {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
}

/** The peak of the resident memory of a process, in MiB. */
export function peakRssMib(pid: number): number {
  const [, kib] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kib) / 1_024;
}

import { readFileSync } from "node:fs";

/** Linux counts in hundredths of a second towards user space, whatever the kernel's own tick is. */
const TICKS_PER_SECOND = 100;
// Counted after the command's name, which may hold spaces: state is field 3 (man 5 proc).
const PARENT = 1;
/** utime, stime, and cutime, cstime: of the children that have ended. */
const TIMES = [11, 12, 13, 14];
/** Counted from the first number of a line of /proc/stat: idle and iowait. */
const IDLE = [3, 4];

/** Seconds of CPU, user and system, that all threads of a process and of its children, ended ones too, have used. */
export function cpuSeconds(pid: number): number {
  const fields = statOf(pid);
  const own = TIMES.reduce((sum, at) => sum + Number(fields[at]), 0) / TICKS_PER_SECOND;
  return childrenOf(pid).reduce((sum, child) => sum + cpuSecondsIfThere(child), own);
}

export function parentOf(pid: number): number {
  return Number(statOf(pid)[PARENT]);
}

/** Those that the main thread has started. */
export function childrenOf(pid: number): readonly number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
  return text === "" ? [] : text.split(" ").map(Number);
}

/** Seconds that the cores of the machine had nothing to do, all together. */
export function idleSeconds(): number {
  const fields = /^cpu +(.*)$/m.exec(readFileSync("/proc/stat", "utf8"))?.[1]?.split(" ") ?? [];
  return IDLE.reduce((sum, at) => sum + Number(fields[at]), 0) / TICKS_PER_SECOND;
}

/** A connection's process may end at any moment, and is then its parent's. */
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

/** The most memory the process ever had resident, in MiB. */
export function peakRssMib(pid: number): number {
  const [, kib] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kib) / 1_024;
}

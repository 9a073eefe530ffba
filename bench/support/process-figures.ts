import { readFileSync } from "node:fs";

/** Linux counts in hundredths of a second towards user space, whatever the kernel's own tick is. */
const TICKS_PER_SECOND = 100;
// Counted after the command's name, which may hold spaces: state is field 3, utime 14, stime 15 (man 5 proc).
const UTIME = 11;
const STIME = 12;

/** Seconds of CPU, user and system, that all threads of a process have used. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[UTIME]) + Number(fields[STIME])) / TICKS_PER_SECOND;
}

/** The most memory the process ever had resident, in MiB. */
export function peakRssMib(pid: number): number {
  const [, kib] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kib) / 1_024;
}

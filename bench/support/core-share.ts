import { randomUUID } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** A share of a core's time, 0 to 1. */
export type CoreShare = number;

// Short, so that a process that has used up its share waits only for milliseconds.
const PERIOD_MICROS = 10_000;
const ROOTS = { v1: "/sys/fs/cgroup/cpu", v2: "/sys/fs/cgroup" };

/** Why processes cannot be limited to a share of a core here, or undefined when they can. */
export function unlessCoreShares(): string | undefined {
  if (process.getuid?.() !== 0) return "only root may hold processes to a part of a core";
  try {
    holdToShare([], 1)[Symbol.dispose]();
    return undefined;
  } catch (error) {
    return `no control group can be made (${(error as NodeJS.ErrnoException).code})`;
  }
}

/** Limits each of the processes to this share of a core, until it is disposed. */
export function holdToShare(pids: readonly number[], share: CoreShare): Disposable {
  const root = existsSync(join(ROOTS.v1, "cpu.cfs_quota_us")) ? ROOTS.v1 : ROOTS.v2;
  const groups: {
    readonly path: string;
    readonly pid: number | undefined;
    readonly from: string;
  }[] = [];
  const letGo = () => {
    for (const { path, pid, from } of groups.splice(0)) {
      if (pid !== undefined && existsSync(`/proc/${pid}`))
        writeFileSync(join(from, "cgroup.procs"), String(pid));
      rmdirSync(path);
    }
  };
  try {
    // Without processes, it only checks that this works.
    for (const pid of pids.length === 0 ? [undefined] : pids) {
      const path = join(root, `lyftr-bench-${process.pid}-${randomUUID()}`);
      mkdirSync(path);
      groups.push({ path, pid, from: pid === undefined ? root : groupOf(pid, root) });
      const quota = Math.round(share * PERIOD_MICROS);
      if (root === ROOTS.v1) {
        writeFileSync(join(path, "cpu.cfs_period_us"), String(PERIOD_MICROS));
        writeFileSync(join(path, "cpu.cfs_quota_us"), String(quota));
      } else writeFileSync(join(path, "cpu.max"), `${quota} ${PERIOD_MICROS}`);
      if (pid !== undefined) writeFileSync(join(path, "cgroup.procs"), String(pid));
    }
  } catch (error) {
    letGo();
    throw error;
  }
  return { [Symbol.dispose]: letGo };
}

function groupOf(pid: number, root: string): string {
  const line = root === ROOTS.v1 ? /^[0-9]+:(?:[^:]*,)?cpu(?:,[^:]*)?:(.*)$/m : /^0::(.*)$/m;
  return join(root, line.exec(readFileSync(`/proc/${pid}/cgroup`, "utf8"))?.[1] ?? "/");
}

import { readdirSync, readFileSync, rmSync } from "node:fs";

/** The exit codes of a shell for these signals. */
const EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const;

interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly session: number;
}

/**
 * Makes every end of the campaign end the processes that it has started: a signal and an unexpected
 * error, too. Must be called before the first folder is made, which is removed later. Servers have
 * a session of their own, and a warden that ends them after the campaign: see server-folder.ts.
 */
export function endEverythingAtExit(): void {
  process.once("exit", killDescendants);
  for (const signal of ["SIGINT", "SIGTERM"] as const)
    process.once(signal, () => process.exit(EXIT_CODES[signal]));
}

/**
 * Kills them all before it looks again, because a process may have started another one. What a
 * killed process shares in memory would stay: libfaketime's clock, or the buffers of initdb.
 */
function killDescendants(): void {
  for (let pids = descendants(); pids.length > 0; pids = descendants())
    for (const pid of pids) {
      const shared = sharedMemoryOf(pid);
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // It has just ended.
      }
      for (const path of shared) rmSync(path, { force: true });
    }
}

/** The running descendants of this process in its session. */
function descendants(): readonly number[] {
  const all = processes();
  const own = all.find(({ pid }) => pid === process.pid)?.session;
  const found = new Set([process.pid]);
  for (let before = 0; before < found.size; ) {
    before = found.size;
    for (const { pid, parent, session } of all)
      if (found.has(parent) && session === own) found.add(pid);
  }
  found.delete(process.pid);
  return [...found];
}

/** All processes that have not ended. */
function processes(): readonly Process[] {
  return readdirSync("/proc").flatMap((name) => {
    const stat = /^[0-9]+$/.test(name) ? statOf(name) : undefined;
    // After the name of the program, which may contain anything: state, parent, group, session.
    const [state, parent, , session] = (stat ?? "").replace(/^.*\) /s, "").split(" ");
    const isRunning = stat !== undefined && state !== "Z" && state !== "X";
    return isRunning
      ? [{ pid: Number(name), parent: Number(parent), session: Number(session) }]
      : [];
  });
}

function statOf(pid: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch {
    // It has just ended.
    return undefined;
  }
}

/** The files in /dev/shm with the names that these programs give them. */
function sharedMemoryOf(pid: number): readonly string[] {
  try {
    const maps = readFileSync(`/proc/${pid}/maps`, "utf8");
    return maps.match(/\/dev\/shm\/(?:PostgreSQL|faketime_shm|sem\.faketime_sem)[._0-9]+$/gm) ?? [];
  } catch {
    return [];
  }
}

/** Removes what libfaketime leaves in memory when its process is killed. */
export function removeClock(pid: number): void {
  for (const name of ["faketime_shm_", "sem.faketime_sem_"])
    rmSync(`/dev/shm/${name}${pid}`, { force: true });
}

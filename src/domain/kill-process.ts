import { existsSync } from "node:fs";

/** A program that does nothing and exits with 1. */
const FALSE = "/bin/false";

/**
 * Ends the process now, with exit code 1. It waits for nothing, not even for a thread that is busy
 * in native code. It has a file of its own because the commands and the store need it.
 */
export function killProcess(): void {
  // Replaces this process by another program. So the exit code is 1, and no code of this process
  // runs any more.
  if (existsSync(FALSE)) process.execve?.(FALSE, ["false"], {});
  process.kill(process.pid, "SIGKILL");
  // The kernel does not let the first process of a container kill itself. This call ends it.
  process.abort();
}

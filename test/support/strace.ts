import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";

/**
 * Attaches strace to every thread of a running process. Resolves when it is attached; `args` select
 * what it traces or breaks.
 */
export async function attachStrace(
  pid: number,
  args: readonly string[],
): Promise<{ readonly strace: ChildProcess; detach(): Promise<void> } & AsyncDisposable> {
  const strace = spawn("strace", ["-f", "-p", String(pid), ...args], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  strace.stderr?.setEncoding("utf8").on("data", (text: string) => (said += text));
  const ended = once(strace, "exit");
  while (!said.includes("attached")) {
    await Promise.race([once(strace.stderr as NodeJS.EventEmitter, "data"), ended]);
    if (strace.exitCode !== null) throw new Error(`strace cannot attach: ${said}`);
  }
  const detach = async () => {
    if (strace.exitCode === null && strace.signalCode === null) strace.kill("SIGTERM");
    await ended;
  };
  return { strace, detach, [Symbol.asyncDispose]: detach };
}

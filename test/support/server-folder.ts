import { type ChildProcess, execFile, spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { once } from "node:events";
import {
  chmodSync,
  chownSync,
  closeSync,
  mkdtempSync,
  openSync,
  readFileSync,
  realpathSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

// PostgreSQL and PgBouncer refuse to run as root; `nobody` may run them.
const UNPRIVILEGED_USER = { uid: 65_534, gid: 65_534 };
export const UNPRIVILEGED = process.getuid?.() === 0 ? UNPRIVILEGED_USER : {};

// Waits for the end of its standard input, which comes when the process at the other end has ended
// in any way. It checks the working folder of the process before it ends it: the process id may
// have been reused.
const WARDEN = `
cat >/dev/null
pid=$(cat "$1/pid" 2>/dev/null)
case "$(readlink "/proc/$pid/cwd" 2>/dev/null)" in "$1"*)
  kill -CONT "$pid" $(cat "/proc/$pid/task/$pid/children") 2>/dev/null
  kill -QUIT "$pid" 2>/dev/null
  tries=0
  while readlink "/proc/$pid/cwd" >/dev/null && [ $tries -lt 100 ]; do sleep 0.05; tries=$((tries + 1)); done
  kill -KILL "$pid" 2>/dev/null
esac
rm -rf "$1"`;

/**
 * A temporary folder and the server that works in it. Both are removed when this process has ended,
 * even by SIGKILL.
 */
export class ServerFolder implements AsyncDisposable {
  readonly path: string;
  readonly #warden: ChildProcess;

  constructor(name: string) {
    this.path = realpathSync(mkdtempSync(join(tmpdir(), `lyftr-${name}-`)));
    this.give(this.path);
    // Detached, so that Ctrl-C does not end it before it has done its work.
    this.#warden = spawn("sh", ["-c", WARDEN, "warden", this.path], {
      detached: true,
      stdio: ["pipe", "ignore", "ignore"],
    });
    this.#warden.unref();
    (this.#warden.stdin as Socket).on("error", () => undefined).unref();
  }

  /** A file for the server, which no other user can read. */
  write(name: string, text: string): string {
    const path = join(this.path, name);
    writeFileSync(path, text, { mode: 0o600 });
    this.give(path);
    return path;
  }

  /** Gives a file to the user that the server runs as. */
  give(path: string): void {
    if ("uid" in UNPRIVILEGED) chownSync(path, UNPRIVILEGED_USER.uid, UNPRIVILEGED_USER.gid);
  }

  /**
   * Runs the server in this folder; its output goes to the log. It does not keep this process
   * alive.
   */
  spawn(command: string, args: readonly string[]): ChildProcess {
    const log = openSync(join(this.path, "log"), "a");
    chmodSync(join(this.path, "log"), 0o666);
    const options = { ...UNPRIVILEGED, cwd: this.path, detached: true, env: environment() };
    const child = spawn(command, args, { ...options, stdio: ["ignore", log, log] });
    closeSync(log);
    child.on("error", () => undefined).unref();
    writeFileSync(join(this.path, "pid"), String(child.pid ?? ""));
    return child;
  }

  /** Runs a command to its end, as the user that the server runs as. */
  async run(command: string, args: readonly string[]): Promise<void> {
    await promisify(execFile)(command, args, {
      ...UNPRIVILEGED,
      cwd: this.path,
      env: environment(),
    });
  }

  log(): string {
    return readFileSync(join(this.path, "log"), "utf8");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#warden.exitCode !== null) return;
    const ended = once(this.#warden, "exit");
    this.#warden.ref();
    this.#warden.stdin?.end();
    await ended;
  }
}

function environment(): Record<string, string> {
  return { PATH: process.env.PATH ?? "", LC_ALL: "C.UTF-8", TZ: "UTC" };
}

// Below the ports that the system gives to connections: one of them could take the port before its
// server does, or while it restarts.
const PORTS = { first: 10_000, count: 22_000 };

/** A TCP port of the loopback interface that was free a moment ago. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = PORTS.first + randomInt(PORTS.count);
    const server = createServer();
    try {
      server.listen(port, "127.0.0.1");
      await once(server, "listening");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EADDRINUSE") continue;
      throw error;
    }
    server.close();
    await once(server, "close");
    return port;
  }
}

/** This many different free ports. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const ports = new Set<number>();
  while (ports.size < count) ports.add(await freePort());
  return [...ports];
}

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { SECRET } from "./messages.ts";

const PROJECT = fileURLToPath(new URL("../../", import.meta.url));
/**
 * Debian's own Python, for which python3-fastapi is installed. Another python that comes first in
 * PATH does not see it.
 */
export const PYTHON = "/usr/bin/python3";
const READY_MS_MAX = 20_000;
const STOP_MS_MAX = 20_000;
const POLL_MS = 10;

/** A server under load, in its own process. */
export interface Target extends AsyncDisposable {
  readonly url: string;
  readonly pid: number;
  /** From the start of the process to its first good answer. */
  readonly readyMs: number;
}

export interface LyftrOptions {
  /** Precedes the command: a tracer. */
  readonly before?: readonly string[];
  readonly nodeFlags?: readonly string[];
  /** Variables in addition to those that every run sets. */
  readonly env?: Readonly<Record<string, string>>;
  /** The port of the previous run, for a service that is restarted. */
  readonly port?: number;
  /** Another checkout, already built, to compare with this one. */
  readonly project?: string | undefined;
}

/** Each answer is read from the database, because that is what the read figures measure. */
export const UNCACHED: LyftrOptions = { env: { CACHE_TTL_MS: "0" } };

/** The whole service on the database of a URL. */
export function startLyftr(
  databaseUrl: string,
  {
    before = [],
    nodeFlags = ["--max-semi-space-size=8"],
    env = {},
    port,
    project = PROJECT,
  }: LyftrOptions = {},
): Promise<Target> {
  build();
  const command = [
    ...before,
    process.execPath,
    ...nodeFlags,
    join(project, "dist/main.js"),
    "serve",
  ];
  const settings = (at: number) => ({
    HOST: "127.0.0.1",
    PORT: String(at),
    DATABASE_URL: databaseUrl,
    ...env,
  });
  return start(command, settings, "/health/ready", port);
}

/** bench/all.ts builds once for all benchmarks. */
let built = process.env.BENCH_BUILT === "1";

/** Builds, so that the benchmark measures what `npm start` serves. */
function build(): void {
  if (!built)
    execFileSync(process.execPath, [join(PROJECT, "scripts/build.ts"), "--if-changed"], {
      stdio: "inherit",
    });
  built = true;
}

/** The lower bound of the runtime: baselines/bare-http.ts. */
export function startBareHttp(): Promise<Target> {
  return start([process.execPath, join(PROJECT, "bench/baselines/bare-http.ts")], (port) => ({
    PORT: String(port),
  }));
}

/** The first design built literally: a FastAPI application at `path`. */
export function startSeedApp(path: string, databasePath: string): Promise<Target> {
  const folder = join(path, "..");
  return start(
    (port) => [
      PYTHON,
      "-m",
      "uvicorn",
      "seed_app:app",
      "--app-dir",
      folder,
      "--port",
      String(port),
      "--no-access-log",
    ],
    () => ({ DATABASE_PATH: databasePath, PYTHONDONTWRITEBYTECODE: "1", PYTHONWARNINGS: "ignore" }),
  );
}

type Command = readonly string[] | ((port: number) => readonly string[]);

async function start(
  command: Command,
  env: (port: number) => Record<string, string>,
  readyPath = "/health/live",
  wantedPort?: number,
): Promise<Target> {
  const port = wantedPort ?? (await freePort());
  const [program = "", ...args] = typeof command === "function" ? command(port) : command;
  const startMs = performance.now();
  const child = spawn(program, args, {
    env: { PATH: process.env.PATH ?? "", WEBHOOK_SECRET: SECRET, ...env(port) },
    stdio: ["ignore", "pipe", "pipe"],
  });
  // The log must be read, or it would block or be dropped. Reading it is part of running the
  // service.
  child.stdout.resume();
  let complaints = "";
  child.stderr
    .setEncoding("utf8")
    .on("data", (text: string) => (complaints = (complaints + text).slice(-4_000)));
  const url = `http://127.0.0.1:${port}`;
  try {
    await untilAnswered(url + readyPath, child);
    const readyMs = performance.now() - startMs;
    return { url, readyMs, pid: child.pid ?? 0, [Symbol.asyncDispose]: () => stop(child) };
  } catch (error) {
    await stop(child);
    throw new Error(`${program} ${args.join(" ")} did not start\n${complaints}`, { cause: error });
  }
}

async function untilAnswered(url: string, child: ChildProcess): Promise<void> {
  const deadline = performance.now() + READY_MS_MAX;
  while (child.exitCode === null && performance.now() < deadline) {
    const answered = await fetch(url).then(
      ({ ok }) => ok,
      () => false,
    );
    if (answered) return;
    await sleep(POLL_MS);
  }
  throw new Error(`no good answer from ${url}`);
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "close");
  child.kill("SIGTERM");
  const patience = setTimeout(() => child.kill("SIGKILL"), STOP_MS_MAX);
  await ended;
  clearTimeout(patience);
}

/**
 * A port that was free a moment ago. Not all compared servers can take port 0 and report their
 * port.
 */
async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const address = probe.address();
  probe.close();
  await once(probe, "close");
  return typeof address === "object" && address !== null ? address.port : 0;
}

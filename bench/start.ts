import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { installPackage } from "../test/support/package.ts";
import { median, rounded, table } from "./support/figures.ts";
import { readFlags } from "./support/flags.ts";
import { describeMachine, scratchFolder } from "./support/machine.ts";

// Measures the time from the start of the command to the first 200 of /health/ready, on an empty
// database: the installed package with npx and directly, and the single executable with nothing
// else on PATH.

const flags = readFlags({ rounds: 7 });
const NPX_MS_GOAL = 2_000;
const READY_MS_MAX = 30_000;
const POLL_MS = 5;
const PORT = "18941";
const KIB_PER_MIB = 1_024;

using folder = scratchFolder();
process.stdout.write(`${describeMachine(folder.path)}\n\n`);
using installed = installPackage();
const executable = join(folder.path, "lyftr");
execFileSync(process.execPath, ["scripts/build.ts"]);
execFileSync(process.execPath, ["scripts/build-executable.ts", executable]);

interface Start {
  readonly ms: number;
  /** Resident memory once it is ready; not for npx, which is another process. */
  readonly mib: number;
}

async function start(command: string, args: readonly string[]): Promise<Start> {
  rmSync(join(installed.home, "data"), { recursive: true, force: true });
  const env = { ...installed.env, WEBHOOK_SECRET: "x", HOST: "127.0.0.1", PORT };
  const startMs = performance.now();
  const child = spawn(command, args, { cwd: installed.home, env, stdio: "ignore", detached: true });
  const ended = once(child, "close");
  try {
    while (!(await isReady())) {
      if (performance.now() - startMs > READY_MS_MAX)
        throw new Error(`${command} was not ready in time`);
      await delay(POLL_MS);
    }
    const ms = performance.now() - startMs;
    const kib = /^VmRSS:\s+([0-9]+)/m.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"))?.[1];
    return { ms, mib: Number(kib) / KIB_PER_MIB };
  } finally {
    process.kill(-(child.pid ?? 0), "SIGTERM");
    await ended;
    while (await isReady()) await delay(POLL_MS);
  }
}

function isReady(): Promise<boolean> {
  return fetch(`http://127.0.0.1:${PORT}/health/ready`, { headers: { connection: "close" } }).then(
    ({ status }) => status === 200,
    () => false,
  );
}

const WAYS: readonly (readonly [string, string, readonly string[]])[] = [
  ["npx lyftr serve", "npx", ["lyftr", "serve"]],
  ["node_modules/.bin/lyftr serve", join(installed.home, "node_modules/.bin/lyftr"), ["serve"]],
  ["the executable", executable, ["serve"]],
];
const starts = new Map<string, Start[]>(WAYS.map(([name]) => [name, []]));
for (let round = 0; round < flags.rounds; round++)
  for (const [name, command, args] of WAYS) starts.get(name)?.push(await start(command, args));

const rows = [...starts].map(([name, all]) => [
  name,
  rounded(median(all.map(({ ms }) => ms))),
  all.map(({ ms }) => rounded(ms)).join(" · "),
  name.startsWith("npx") ? "" : rounded(median(all.map(({ mib }) => mib))),
]);
const npxMs = median((starts.get("npx lyftr serve") ?? []).map(({ ms }) => ms));
const mb = (path: string) => rounded(statSync(path).size / 1_000_000, 2);
process.stdout.write(
  `${table([["", "ms until ready, median", "each round", "RSS MiB then"], ...rows])}\n\n` +
    `- npx: goal ≤ ${NPX_MS_GOAL} ms: ${npxMs <= NPX_MS_GOAL ? "met" : "missed"}\n` +
    `- tarball ${mb(installed.tarball)} MB (goal ≤ 5 MB), executable ${mb(executable)} MB\n`,
);

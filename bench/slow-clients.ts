import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { expectAccepted, expectWithin, settledTotals } from "./support/checks.ts";
import { rounded, table } from "./support/figures.ts";
import { sqliteUrl } from "./support/fill.ts";
import { readFlags } from "./support/flags.ts";
import { describeMachine, scratchFolder } from "./support/machine.ts";
import { writeSignedMessages } from "./support/messages.ts";
import { type OpenLoopResult, runOpenLoop } from "./support/open-loop-run.ts";
import { peakRssMib } from "./support/process-figures.ts";
import { startLyftr } from "./support/target.ts";

// Checks that clients that send byte by byte are cut off in time, and measures their effect on
// honest clients.

const flags = readFlags({
  sockets: 5_000,
  dripMs: 1_000,
  seconds: 8,
  warmupSeconds: 4,
  rate: 500,
  connections: 64,
  /** The tolerance, after the limit and the next check, before the run fails. */
  patienceSeconds: 0.5,
});
const SLOW = fileURLToPath(new URL("support/slow-sockets.ts", import.meta.url));
const HEADERS_MS = 10_000;
const REQUEST_MS = 15_000;
const CHECKED_EVERY_MS = 500;

using folder = scratchFolder();
const machine = describeMachine(folder.path);
await using target = await startLyftr(sqliteUrl(join(folder.path, "app.db")), {
  // All of them come from one address, as they do from a proxy.
  env: { MAX_CONNECTIONS: "10000", TRUST_PROXY: "loopback" },
});
const { url, pid } = target;

await honest("warm", flags.warmupSeconds);
const before = await honest("before", flags.seconds);
const child = spawn(
  process.execPath,
  [SLOW, "--url", url, "--sockets", `${flags.sockets}`, "--drip-ms", `${flags.dripMs}`],
  {
    stdio: ["ignore", "pipe", "inherit"],
  },
);
const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
await lines.next();
const beside = await honest("beside", flags.seconds);
const slow = JSON.parse((await lines.next()).value ?? "{}") as Record<
  "open" | "ended" | "headersMs" | "bodyMs",
  number
>;
if (child.exitCode === null) await once(child, "close");
expectWithin("slow connections", slow.open, flags.sockets, flags.sockets);
expectWithin("slow connections that were cut", slow.ended, slow.open, slow.open);
const late = CHECKED_EVERY_MS + 1_000 * flags.patienceSeconds;
expectWithin("headers byte by byte, ms", slow.headersMs, 0, HEADERS_MS + late);
expectWithin("a body byte by byte, ms", slow.bodyMs, 0, REQUEST_MS + late);

const ms = (value: number) => rounded(value, 1);
const row = (name: string, { p50Ms, p99Ms, maxMs }: OpenLoopResult) => [
  name,
  ms(p50Ms),
  ms(p99Ms),
  ms(maxMs),
];
process.stdout.write(
  `${[
    `${machine}; ${rounded(flags.sockets)} slow clients, a byte every ${flags.dripMs} ms, half of them in the headers, and ${flags.rate} honest messages/s for ${flags.seconds} s`,
    "",
    table([
      ["honest messages", "p50 ms", "p99 ms", "max ms"],
      row("before", before),
      row("beside slow clients", beside),
    ]),
    "",
    `p99 beside slow clients ÷ before: ${rounded(beside.p99Ms / before.p99Ms, 2)} (goal < 2). Slow headers lasted ${rounded(slow.headersMs / 1_000, 1)} s at most (limit 10), slow bodies ${rounded(slow.bodyMs / 1_000, 1)} s (limit 15), all were cut. Peak RSS: ${rounded(peakRssMib(pid))} MiB.`,
  ].join("\n")}\n`,
);

async function honest(run: string, seconds: number): Promise<OpenLoopResult> {
  const messages = join(folder.path, "messages.txt");
  const { rate, connections } = flags;
  writeSignedMessages(messages, run, Math.ceil(rate * seconds));
  const before = await settledTotals(url);
  const result = await runOpenLoop({ url, path: "/webhook", messages, rate, seconds, connections });
  expectAccepted(run, before, await settledTotals(url), Math.round(rate * seconds), 0);
  return result;
}

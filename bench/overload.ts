import { execFile } from "node:child_process";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expectWithin, settledTotals } from "./support/checks.ts";
import { holdToShare } from "./support/core-share.ts";
import { rounded, table } from "./support/figures.ts";
import { sqliteUrl } from "./support/fill.ts";
import { readFlags } from "./support/flags.ts";
import { describeMachine, scratchFolder } from "./support/machine.ts";
import { writeSignedMessages } from "./support/messages.ts";
import { peakRssMib } from "./support/process-figures.ts";
import { startLyftr } from "./support/target.ts";

// Measures the service under more load than it can take: the accepted messages a second and their
// latency at several times its capacity, and whether it recovers when the overload ends.

const flags = readFlags({
  seconds: 6,
  warmupSeconds: 4,
  connections: 1_000,
  // 0: the peak is measured first, with a rate above it.
  capacity: 0,
  peakRate: 30_000,
  times: "0.5,1,2,5,10",
  // Limits the service to this share of a core, so that the generator, which uses the same cores,
  // can offer many times its capacity. 0: no limit.
  coreShare: 0,
});
const GENERATOR = fileURLToPath(new URL("support/overload-load.ts", import.meta.url));
const AFTER_SECONDS = 3;

interface Figures {
  readonly due: number;
  readonly accepted: number;
  readonly acceptedInTime: number;
  readonly refused: number;
  readonly others: number;
  readonly notOffered: number;
  readonly unanswered: number;
  readonly broken: number;
  readonly seconds: number;
  readonly acceptedP50Ms: number;
  readonly acceptedP99Ms: number;
  readonly refusedP50Ms: number | null;
  readonly refusedP99Ms: number | null;
}

using folder = scratchFolder();
const machine = describeMachine(folder.path);
await using target = await startLyftr(sqliteUrl(join(folder.path, "app.db")), {
  // All of them come from one address, as they do from a proxy.
  env: { MAX_CONNECTIONS: "10000", TRUST_PROXY: "loopback" },
});
const { url, pid } = target;
using _held = flags.coreShare > 0 ? holdToShare([pid], flags.coreShare) : undefined;
let run = 0;
let acceptedBefore = (await settledTotals(url)).stored;

await load(flags.capacity || flags.peakRate / 4, flags.warmupSeconds, 64);
// The peak: as many as it takes from a few connections without refusing any.
const peak =
  flags.capacity || (await load(flags.peakRate, flags.seconds, 64)).acceptedInTime / flags.seconds;
const rows: (readonly string[])[] = [];
for (const factor of flags.times.split(",").map(Number)) {
  rows.push(row(`${factor} ×`, await load(factor * peak, flags.seconds, flags.connections)));
}
// Half of the capacity, starting two seconds after the worst load: nothing may be refused any more.
await load(10 * peak, 2, flags.connections);
await sleep(2_000 - 1_000 * 0.5);
const after = await load(0.5 * peak, AFTER_SECONDS, flags.connections);
rows.push(row("0.5 ×, less than 2 s after 10 ×", after));
expectWithin("refused 2 s after the overload", after.refused, 0, 0);
process.stdout.write(
  `${[
    `${machine}; ${flags.connections} connections, ${flags.seconds} s each; the peak: ${rounded(peak)} messages/s (64 connections)`,
    "",
    table([
      [
        "load",
        "due/s",
        "offered/s",
        "accepted/s",
        "of the peak",
        "accepted p50 ms",
        "p99 ms",
        "refused/s",
        "refused p50 ms",
        "p99 ms",
      ],
      ...rows,
    ]),
    "",
    `Peak RSS: ${rounded(peakRssMib(pid))} MiB. Goals: accepted at 5 × ≥ 90 % of the peak, p99 of what is accepted ≤ 250 ms, nothing refused 2 s later, RSS ≤ 300 MB.`,
  ].join("\n")}\n`,
);

function row(name: string, figures: Figures): readonly string[] {
  const a = (count: number) => rounded(count / figures.seconds);
  const ms = (value: number | null) => (value === null ? "" : rounded(value, 1));
  return [
    name,
    a(figures.due),
    a(figures.due - figures.notOffered),
    a(figures.acceptedInTime),
    `${rounded((100 * figures.acceptedInTime) / figures.seconds / peak)} %`,
    ms(figures.acceptedP50Ms),
    ms(figures.acceptedP99Ms),
    a(figures.refused),
    ms(figures.refusedP50Ms),
    ms(figures.refusedP99Ms),
  ];
}

/** Runs one load. Fails unless all accepted messages are stored, and no others. */
async function load(atRate: number, seconds: number, connections: number): Promise<Figures> {
  const rate = Math.round(atRate);
  const messages = join(folder.path, "messages.txt");
  writeSignedMessages(messages, `run${run++}`, Math.ceil(rate * seconds));
  const args = { url, messages, rate, seconds, connections };
  const { stdout } = await promisify(execFile)(process.execPath, [
    GENERATOR,
    ...Object.entries(args).flatMap(([name, value]) => [`--${name}`, String(value)]),
  ]);
  const figures = JSON.parse(stdout) as Figures;
  expectWithin(
    "answers that are neither 200 nor 503",
    figures.others + figures.broken + figures.unanswered,
    0,
    0,
  );
  const { stored } = await settledTotals(url);
  expectWithin("messages stored", stored - acceptedBefore, figures.accepted, figures.accepted);
  acceptedBefore = stored;
  process.stderr.write(`${JSON.stringify(figures)}\n`);
  return figures;
}

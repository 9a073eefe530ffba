import { join } from "node:path";
import { expectAccepted, settledTotals } from "./support/checks.ts";
import { rounded, table } from "./support/figures.ts";
import { sqliteUrl } from "./support/fill.ts";
import { readFlags } from "./support/flags.ts";
import { describeMachine, scratchFolder } from "./support/machine.ts";
import { writeSignedMessages } from "./support/messages.ts";
import { eventLoopDelayMs, scrape } from "./support/metrics.ts";
import { runOpenLoop } from "./support/open-loop-run.ts";
import { peakRssMib } from "./support/process-figures.ts";
import { startLyftr } from "./support/target.ts";
import { requireTool, runWrk } from "./support/wrk.ts";

// Measures how long a sender waits for its 200 at half of the maximum load, counted from the moment
// when the request was due. Also measures the event loop and the memory at the maximum load, just
// before.

const flags = readFlags({
  seconds: 8,
  warmupSeconds: 4,
  connections: 64,
  messagesPerSecondMax: 50_000,
  // 0: half of the peak measured in this run.
  rate: 0,
});

requireTool("wrk", "-v");
using folder = scratchFolder();
const machine = describeMachine(folder.path);
const { connections, seconds, warmupSeconds } = flags;
await using target = await startLyftr(sqliteUrl(join(folder.path, "app.db")));
const { url, pid } = target;

const warmup = messages("warm", warmupSeconds * flags.messagesPerSecondMax);
await runWrk({ url, connections, messages: warmup, seconds: warmupSeconds });
const before = await settledTotals(url);
// A scrape resets the histogram of the event loop.
await scrape(url);
const peak = await runWrk({
  url,
  connections,
  messages: messages("peak", seconds * flags.messagesPerSecondMax),
  seconds,
});
const atPeak = { delayMs: eventLoopDelayMs(await scrape(url)), rssMib: peakRssMib(pid) };
await settledTotals(url);

const rate =
  flags.rate > 0 ? flags.rate : Math.max(1, Math.floor(peak.accepted / peak.seconds / 2));
const half = await runOpenLoop({
  url,
  path: "/webhook",
  messages: messages("half", rate * seconds),
  rate,
  seconds,
  connections,
});
const delayAtHalfMs = eventLoopDelayMs(await scrape(url));
expectAccepted(
  "whole service",
  before,
  await settledTotals(url),
  peak.accepted + Math.round(rate * seconds),
  connections,
);

const ms = (value: number) => rounded(value, 1);
process.stdout.write(
  `${[
    `${machine}; ${connections} connections, ${seconds} s each`,
    "",
    table([
      [
        "",
        "messages/s",
        "p50 ms",
        "p90 ms",
        "p99 ms",
        "max ms",
        "event-loop delay p99 ms",
        "peak RSS MiB",
      ],
      [
        "open loop, half of the peak",
        rounded(rate),
        ms(half.p50Ms),
        ms(half.p90Ms),
        ms(half.p99Ms),
        ms(half.maxMs),
        ms(delayAtHalfMs),
        "",
      ],
      [
        "closed loop, the peak",
        rounded(peak.accepted / peak.seconds),
        ms(peak.p50Ms),
        "",
        ms(peak.p99Ms),
        "",
        ms(atPeak.delayMs),
        rounded(atPeak.rssMib),
      ],
    ]),
    "",
    `- p99 at half of the peak: ${ms(half.p99Ms)} ms (goal ≤ 10 ms); the generator sent 99 in 100 no later than ${ms(half.sentLateP99Ms)} ms after they were due`,
    `- event-loop delay p99 at the peak: ${ms(atPeak.delayMs)} ms (goal ≤ 20 ms)`,
    `- resident memory at the peak: ${rounded(atPeak.rssMib)} MiB (goal ≤ 250 MB, with 10 M rows)`,
  ].join("\n")}\n`,
);

function messages(run: string, count: number): string {
  const path = join(folder.path, `${run}.txt`);
  writeSignedMessages(path, run, Math.ceil(count));
  return path;
}

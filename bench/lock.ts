import { execFile } from "node:child_process";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expectAccepted, settledTotals } from "./support/checks.ts";
import { rounded, table } from "./support/figures.ts";
import { fill, sqliteUrl } from "./support/fill.ts";
import { readFlags } from "./support/flags.ts";
import { describeMachine, scratchFolder } from "./support/machine.ts";
import { writeSignedMessages } from "./support/messages.ts";
import { eventLoopDelayMs, scrape } from "./support/metrics.ts";
import { runOpenLoop } from "./support/open-loop-run.ts";
import { startLyftr } from "./support/target.ts";

// Checks that the event loop stays free while the database is busy: another process holds the write
// lock for a second, another process reads every row, the service's own readers do. Measures the
// delay of the loop and the latency of /health/live, compared with the same load on a quiet
// database.

const flags = readFlags({
  seconds: 4,
  warmupSeconds: 4,
  lockSeconds: 1,
  rows: 200_000,
  rate: 500,
  connections: 64,
  probesPerSecond: 200,
});
const PROBE_CONNECTIONS = 4;
const HOG = fileURLToPath(new URL("support/database-hog.ts", import.meta.url));
const FIRST_HOG_MS = 500;

using folder = scratchFolder();
const machine = describeMachine(folder.path);
const databasePath = join(folder.path, "app.db");
await fill(sqliteUrl(databasePath), flags.rows);
await using target = await startLyftr(sqliteUrl(databasePath));
const { url } = target;
const scanSeconds = flags.seconds - FIRST_HOG_MS / 1_000;
if (flags.warmupSeconds > 0) await phase(flags.warmupSeconds);
const phases = {
  "nothing else happens": await phase(flags.seconds),
  [`another process holds the write lock for ${flags.lockSeconds} s`]: await phase(
    flags.seconds,
    () => hog("lock", flags.lockSeconds),
  ),
  "another process reads every row, again and again": await phase(flags.seconds, () =>
    hog("scan", scanSeconds),
  ),
  "the service's own readers read every row, again and again": await phase(flags.seconds, searches),
};
const head = [
  "while",
  "/health/live p50 ms",
  "p99 ms",
  "max ms",
  "event-loop delay p99 ms",
  "ingest p99 ms",
  "max ms",
];
process.stdout.write(
  `${[
    `${machine}; ${rounded(flags.rows)} rows stored, ${rounded(flags.rate)} messages/s and ${flags.probesPerSecond} probes/s in an open loop, ${flags.seconds} s each`,
    "",
    table([
      head,
      ...Object.entries(phases).map(([name, figures]) => [
        name,
        ...figures.map((ms) => rounded(ms, 1)),
      ]),
    ]),
    "",
    "Goals: event-loop delay p99 ≤ 20 ms, `/health/live` p99 < 50 ms, no message refused while the lock is held for a second.",
  ].join("\n")}\n`,
);

/**
 * Sends probes and messages at fixed rates while `disturb` runs. An answer that is not 200, or a
 * message that is not stored, fails the run.
 */
async function phase(
  seconds: number,
  disturb: () => Promise<void> = async () => undefined,
): Promise<readonly number[]> {
  const messages = join(folder.path, "messages.txt");
  const { rate, connections } = flags;
  writeSignedMessages(messages, `phase${performance.now().toFixed(0)}`, Math.ceil(rate * seconds));
  const before = await settledTotals(url);
  await scrape(url);
  const [probes, ingest] = await Promise.all([
    runOpenLoop({
      url,
      path: "/health/live",
      rate: flags.probesPerSecond,
      seconds,
      connections: PROBE_CONNECTIONS,
    }),
    runOpenLoop({ url, path: "/webhook", messages, rate, seconds, connections }),
    sleep(FIRST_HOG_MS).then(disturb),
  ]);
  const delayMs = eventLoopDelayMs(await scrape(url));
  expectAccepted(
    "while the database is busy",
    before,
    await settledTotals(url),
    Math.round(rate * seconds),
    0,
  );
  return [probes.p50Ms, probes.p99Ms, probes.maxMs, delayMs, ingest.p99Ms, ingest.maxMs];
}

async function hog(mode: "lock" | "scan", seconds: number): Promise<void> {
  await promisify(execFile)(process.execPath, [
    HOG,
    "--path",
    databasePath,
    "--mode",
    mode,
    "--seconds",
    String(seconds),
  ]);
}

async function searches(): Promise<void> {
  for (const end = performance.now() + 1_000 * scanSeconds; performance.now() < end; ) {
    await Promise.all(
      [1, 2].map(async () => (await fetch(`${url}/messages?q=never%20in%20a%20text`)).text()),
    );
  }
}

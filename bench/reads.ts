import { rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { rounded, table } from "./support/figures.ts";
import { readFlags } from "./support/flags.ts";
import { describeMachine, scratchFolder } from "./support/machine.ts";
import { type FigureResult, measureReads, type SizeResult } from "./support/measure-reads.ts";
import { mayDropPageCache } from "./support/page-cache.ts";
import { SEED_APP, whatFirstDesignLacks } from "./support/seed-database.ts";

// Measures how long each kind of read takes on databases of several sizes, while messages arrive,
// and the same for the first design. Every answer is compared with a plain scan of the table in
// another language, before the load and after it.

const flags = readFlags({
  rows: "10000,1000000",
  requests: 300,
  // A slow query is sent less often.
  figureSeconds: 20,
  ingestRate: 4_000,
  // 0: the first request after a restart, with a cold page cache, is not measured.
  cold: 1,
  scanRowsMax: 1_000_000,
  seedRequests: 5,
  seedApp: SEED_APP,
});

const sizes = flags.rows.split(",").map(Number);
if (!sizes.every((rows) => Number.isInteger(rows) && rows > 0))
  throw new Error("--rows must be numbers, such as 10000,1000000");
using folder = scratchFolder();
const machine = describeMachine(folder.path);
const seedApp = flags.seedRequests > 0 ? firstDesign() : undefined;
const cold = flags.cold > 0 && mayDropPageCache();
if (flags.cold > 0 && !cold)
  process.stderr.write("LEFT OUT: cold requests: only root may empty the page cache\n");

const results: SizeResult[] = [];
for (const rows of sizes) {
  const sizeFolder = join(folder.path, String(rows));
  results.push(await measureReads({ ...flags, rows, folder: sizeFolder, seedApp, cold }));
  rmSync(sizeFolder, { recursive: true, force: true });
}
const loads = `${rounded(flags.ingestRate)} messages/s arrive, at most ${flags.requests} requests or ${flags.figureSeconds} s a figure`;
process.stdout.write(
  `${[`${machine}; ${loads}`, ...results.map(section), summary()].join("\n\n")}\n`,
);

function firstDesign(): string | undefined {
  const path = resolve(flags.seedApp);
  const missing = whatFirstDesignLacks(path);
  if (missing !== undefined) process.stderr.write(`LEFT OUT: the first design: ${missing}\n`);
  return missing === undefined ? path : undefined;
}

function section(result: SizeResult): string {
  const { rows, ready, peakRssMib, ingest } = result;
  const readyCold =
    ready.coldMs === undefined ? "" : `, ${rounded(ready.coldMs)} ms with a cold page cache`;
  const arrived =
    ingest === undefined
      ? "nothing"
      : `${rounded(ingest.sent)} messages, p99 ${rounded(ingest.p99Ms, 1)} ms, sent up to ${rounded(ingest.sentLateP99Ms, 1)} ms late (p99)`;
  return [
    `### ${rounded(rows)} rows`,
    "",
    table([
      [
        "",
        "total",
        "requests",
        "p50 ms",
        "p99 ms",
        "max ms",
        "cold ms",
        "first design p50 ms",
        "max ms",
      ],
      ...result.figures.map((figure) => [figure.name, ...cells(figure)]),
    ]),
    "",
    `- start to ready: ${rounded(ready.warmMs)} ms${readyCold} (goal ≤ 1 s)`,
    `- peak resident memory: ${rounded(peakRssMib)} MiB`,
    `- arrived during the reads: ${arrived}`,
    `- every answer compared with ${result.scanned ? "a plain scan of all rows" : "counts by SQLite"}, before and after`,
  ].join("\n");
}

function cells({ total, latencies, coldMs, firstDesign }: FigureResult): readonly string[] {
  const ms = (value: number | undefined) => (value === undefined ? "–" : rounded(value, 1));
  const { requests, p50Ms, p99Ms, maxMs } = latencies;
  return [
    total === undefined ? "" : rounded(total),
    rounded(requests),
    ms(p50Ms),
    ms(p99Ms),
    ms(maxMs),
    ms(coldMs),
    ms(firstDesign?.p50Ms),
    ms(firstDesign?.maxMs),
  ];
}

/** The goals, and how the figures grow with the database. */
function summary(): string {
  const [smallest] = results;
  const largest = results.at(-1);
  if (smallest === undefined || largest === undefined) return "";
  const rows = largest.figures.map((figure, at) => {
    const p99s = results.map(({ figures }) => figures[at]?.latencies.p99Ms ?? Number.NaN);
    const growth = figure.latencies.p99Ms / (p99s[0] ?? Number.NaN);
    const goal = figure.goalMs === undefined ? "" : `≤ ${figure.goalMs}`;
    return [figure.name, ...p99s.map((ms) => rounded(ms, 1)), goal, rounded(growth, 1)];
  });
  const head = results.map(({ rows }) => `${rounded(rows)} rows`);
  return ["### p99 ms", "", table([["", ...head, "goal", "largest ÷ smallest"], ...rows])].join(
    "\n",
  );
}

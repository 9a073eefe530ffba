import { join, resolve } from "node:path";
import { median, rounded, table } from "./support/figures.ts";
import { fill, sqliteUrl } from "./support/fill.ts";
import { readFlags } from "./support/flags.ts";
import { type IngestRound, ingestRound, writeLoad } from "./support/ingest-round.ts";
import { describeMachine, scratchFolder } from "./support/machine.ts";
import { peakRssMib } from "./support/process-figures.ts";
import { startLyftr } from "./support/target.ts";
import { requireTool } from "./support/wrk.ts";

// Measures how much slower ingest is when many messages are stored already: the service on an empty
// and on a full database, in alternating rounds.

const flags = readFlags({
  rows: 10_000_000,
  // A database filled by load.ts, to save time. The messages of the rounds are added to it.
  database: "",
  seconds: 10,
  warmupSeconds: 5,
  rounds: 3,
  connections: 64,
  messagesPerSecondMax: 20_000,
});

interface Round extends IngestRound {
  readonly rssMib: number;
}

requireTool("wrk", "-v");
using folder = scratchFolder();
const machine = describeMachine(folder.path);
const full = flags.database === "" ? join(folder.path, "full.db") : resolve(flags.database);
if (flags.database === "") await fill(sqliteUrl(full), flags.rows);
const databases: readonly (readonly [string, (round: number) => string])[] = [
  ["empty", (round) => join(folder.path, `${round}.db`)],
  ["full", () => full],
];
const rounds = new Map<string, Round[]>(databases.map(([name]) => [name, []]));
let stored = 0;
for (let round = 1; round <= flags.rounds; round++) {
  for (const [name, path] of databases) {
    const result = await measure(path(round), `${name}${round}`);
    rounds.get(name)?.push(result);
    process.stderr.write(
      `round ${round}, ${name}: ${rounded(result.messagesPerSecond)} messages/s\n`,
    );
  }
}
process.stdout.write(`${report()}\n`);

async function measure(databasePath: string, run: string): Promise<Round> {
  const messages = {
    warmup: join(folder.path, "warmup.txt"),
    measured: join(folder.path, "measured.txt"),
  };
  // New ids in every run, because the database may be used again.
  writeLoad(messages, `${run}-${process.pid}`, flags);
  await using target = await startLyftr(sqliteUrl(databasePath));
  const round = await ingestRound(run, target, { ...flags, messages });
  stored = Math.max(stored, round.stored);
  return { ...round, rssMib: peakRssMib(target.pid) };
}

function report(): string {
  const of = (name: string, figure: keyof Round) =>
    (rounds.get(name) ?? []).map((round) => round[figure]);
  const figures = ["messagesPerSecond", "cpuMicros", "p99Ms", "rssMib"] as const;
  const rows = databases.map(([name]) => [
    name === "full" ? `${rounded(stored)} messages stored` : "empty database",
    ...figures.map((figure) =>
      rounded(median(of(name, figure)), figure === "cpuMicros" || figure === "p99Ms" ? 1 : 0),
    ),
    of(name, "messagesPerSecond")
      .map((value) => rounded(value))
      .join(" · "),
  ]);
  const slowdown =
    median(of("empty", "messagesPerSecond")) / median(of("full", "messagesPerSecond"));
  return [
    `${machine}; ${flags.connections} connections, ${flags.rounds} rounds of ${flags.seconds} s after ${flags.warmupSeconds} s of warming up`,
    "",
    table([
      [
        "",
        "messages/s, median",
        "CPU µs/message",
        "p99 ms",
        "peak RSS MiB",
        "messages/s, each round",
      ],
      ...rows,
    ]),
    "",
    `- slowdown: ${rounded(slowdown, 2)} (goal ≤ 1.3)`,
  ].join("\n");
}

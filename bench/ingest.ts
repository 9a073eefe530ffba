import { join, resolve } from "node:path";
import { median, rounded, table } from "./support/figures.ts";
import { sqliteUrl } from "./support/fill.ts";
import { readFlags } from "./support/flags.ts";
import { type IngestRound, ingestRound, writeLoad } from "./support/ingest-round.ts";
import { describeMachine, scratchFolder } from "./support/machine.ts";
import { SEED_APP, whatFirstDesignLacks } from "./support/seed-database.ts";
import { startBareHttp, startLyftr, startSeedApp, type Target } from "./support/target.ts";
import { requireTool } from "./support/wrk.ts";

// Measures how many durable messages a second the whole service takes, and the CPU time of one. It
// compares them with the lower bound of the runtime (node:http and the HMAC, no database) and with
// the first design, built literally. Rounds alternate, so that other load on the machine affects
// all equally.

const flags = readFlags({
  seconds: 8,
  warmupSeconds: 6,
  rounds: 3,
  connections: 64,
  messagesPerSecondMax: 80_000,
  seedApp: SEED_APP,
});

interface Contender {
  readonly name: string;
  readonly start: (databasePath: string) => Promise<Target>;
}

const SERVICE: Contender = { name: "whole service", start: (path) => startLyftr(sqliteUrl(path)) };
const FLOOR: Contender = { name: "bare node:http, no database", start: () => startBareHttp() };
const FIRST_DESIGN: Contender = {
  name: "first design, literally",
  start: (path) => startSeedApp(seedApp, path),
};

requireTool("wrk", "-v");
const seedApp = resolve(flags.seedApp);
const missing = whatFirstDesignLacks(seedApp);
if (missing !== undefined) process.stderr.write(`LEFT OUT: ${FIRST_DESIGN.name}: ${missing}\n`);
const contenders = missing === undefined ? [SERVICE, FLOOR, FIRST_DESIGN] : [SERVICE, FLOOR];
using folder = scratchFolder();
const machine = describeMachine(folder.path);
const messages = {
  warmup: join(folder.path, "warmup.txt"),
  measured: join(folder.path, "measured.txt"),
};
writeLoad(messages, "", flags);
const rounds = new Map<Contender, IngestRound[]>(contenders.map((contender) => [contender, []]));
for (let round = 1; round <= flags.rounds; round++) {
  for (const [at, contender] of contenders.entries()) {
    const result = await measure(contender, join(folder.path, `${round}-${at}.db`));
    rounds.get(contender)?.push(result);
    process.stderr.write(
      `round ${round}, ${contender.name}: ${rounded(result.messagesPerSecond)} messages/s, ${rounded(result.cpuMicros, 1)} µs CPU a message\n`,
    );
  }
}
process.stdout.write(`${report()}\n`);

async function measure({ name, start }: Contender, databasePath: string): Promise<IngestRound> {
  await using target = await start(databasePath);
  // Without `await` the server would be ended first.
  return await ingestRound(name, target, { ...flags, messages });
}

function report(): string {
  const of = (contender: Contender, figure: keyof IngestRound) =>
    (rounds.get(contender) ?? []).map((round) => round[figure]);
  const rows = contenders.map((contender) => [
    contender.name,
    rounded(median(of(contender, "messagesPerSecond"))),
    of(contender, "messagesPerSecond")
      .map((value) => rounded(value))
      .join(" · "),
    rounded(median(of(contender, "cpuMicros")), 1),
    of(contender, "cpuMicros")
      .map((value) => rounded(value, 1))
      .join(" · "),
    rounded(median(of(contender, "p99Ms")), 1),
  ]);
  const ratio = (a: Contender, b: Contender, figure: keyof IngestRound) =>
    rounded(median(of(a, figure)) / median(of(b, figure)), 2);
  return [
    `${machine}; ${flags.connections} connections, ${flags.rounds} rounds of ${flags.seconds} s after ${flags.warmupSeconds} s of warming up`,
    "",
    table([
      [
        "",
        "messages/s, median",
        "each round",
        "CPU µs/message, median",
        "each round",
        "p99 ms at full load",
      ],
      ...rows,
    ]),
    "",
    `- messages/s, ${SERVICE.name} ÷ ${FIRST_DESIGN.name}: ${missing === undefined ? ratio(SERVICE, FIRST_DESIGN, "messagesPerSecond") : `LEFT OUT, ${missing}`} (goal ≥ 30)`,
    `- CPU a message, ${SERVICE.name} ÷ ${FLOOR.name}: ${ratio(SERVICE, FLOOR, "cpuMicros")} (goal ≤ 2.2)`,
  ].join("\n");
}

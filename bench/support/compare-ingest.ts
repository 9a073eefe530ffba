import { join } from "node:path";
import { expectWithin } from "./checks.ts";
import { type CoreShare, holdToShare } from "./core-share.ts";
import type { Engine } from "./engines.ts";
import { median, rounded, table } from "./figures.ts";
import { type IngestLoad, type IngestRound, ingestRound, writeLoad } from "./ingest-round.ts";
import { childrenOf } from "./process-figures.ts";
import { startLyftr } from "./target.ts";

export interface Contender {
  readonly name: string;
  readonly engine: Engine;
  /** Processes of the service. */
  readonly workers: number;
  /** The share of a core that each of them may use while it is measured; unlimited by default. */
  readonly coreShare?: CoreShare | undefined;
}

export interface CompareOptions {
  readonly folder: string;
  readonly rounds: number;
  readonly connections: number;
  readonly warmupSeconds: number;
  readonly seconds: number;
  readonly messagesPerSecondMax: number;
}

export interface Compared {
  readonly contender: Contender;
  readonly rounds: readonly IngestRound[];
}

/**
 * Measures ingest of all contenders in alternating rounds, each on a new database whose messages
 * are counted at the end.
 */
export async function compareIngest(
  contenders: readonly Contender[],
  options: CompareOptions,
): Promise<readonly Compared[]> {
  const { folder } = options;
  const messages = { warmup: join(folder, "warmup.txt"), measured: join(folder, "measured.txt") };
  const workersMax = Math.max(...contenders.map(({ workers }) => workers));
  writeLoad(messages, "", { ...options, warmupSeconds: workersMax * options.warmupSeconds });
  const compared = contenders.map((contender) => ({ contender, rounds: [] as IngestRound[] }));
  for (let number = 1; number <= options.rounds; number++) {
    for (const { contender, rounds } of compared) {
      const round = await measure(contender, { ...options, messages });
      rounds.push(round);
      process.stderr.write(
        `round ${number}, ${contender.name}: ${rounded(round.messagesPerSecond)} messages/s, ${rounded(round.cpuMicros, 1)} µs CPU a message\n`,
      );
    }
  }
  return compared;
}

async function measure(
  { name, engine, workers, coreShare }: Contender,
  load: IngestLoad,
): Promise<IngestRound> {
  await using database = await engine.fresh();
  const round = await (async () => {
    await using target = await startLyftr(database.url, { env: { WORKERS: String(workers) } });
    const ingesting = workers > 1 ? childrenOf(target.pid) : [target.pid];
    expectWithin(`${name}: processes`, ingesting.length, workers, workers);
    const whileMeasured =
      coreShare === undefined ? undefined : () => holdToShare(ingesting, coreShare);
    // Each process has the same amount of code to compile.
    const warmupSeconds = workers * load.warmupSeconds;
    return await ingestRound(
      name,
      target,
      { ...load, warmupSeconds },
      { databasePid: engine.pid, whileMeasured },
    );
  })();
  // The messages are counted in the database, whatever the service reports.
  const lastAnswersMax = 2 * load.connections;
  expectWithin(
    `${name}: rows in the table`,
    await database.countRows(),
    round.accepted,
    round.accepted + lastAnswersMax,
  );
  return round;
}

export function medianOf(compared: Compared | undefined, figure: keyof IngestRound): number {
  return median(compared?.rounds.map((round) => round[figure]) ?? []);
}

export function ingestTable(compared: readonly Compared[]): string {
  const rows = compared.map((one) => [
    one.contender.name,
    rounded(medianOf(one, "messagesPerSecond")),
    one.rounds.map(({ messagesPerSecond }) => rounded(messagesPerSecond)).join(" · "),
    rounded(medianOf(one, "cpuMicros"), 1),
    orDash(medianOf(one, "databaseCpuMicros")),
    rounded(medianOf(one, "p99Ms"), 1),
    rounded(medianOf(one, "idleCores"), 2),
  ]);
  const head = [
    "messages/s, median",
    "each round",
    "CPU µs/message, service",
    "PostgreSQL's processes",
  ];
  return table([["", ...head, "p99 ms at full load", "idle cores"], ...rows]);
}

function orDash(value: number): string {
  return Number.isNaN(value) ? "–" : rounded(value, 1);
}

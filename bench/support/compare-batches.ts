import { loadMessages } from "../../src/cli/demo/loader.ts";
import { systemClock } from "../../src/domain/clock.ts";
import type { NewMessage } from "../../src/domain/message.ts";
import { openStore } from "../../src/store/open.ts";
import { expectWithin } from "./checks.ts";
import type { Engine } from "./engines.ts";
import { median, rounded, table } from "./figures.ts";
import { FILLED_UNTIL_MS } from "./fill.ts";
import { cpuSeconds } from "./process-figures.ts";

const SEED = 2;

export interface BatchOptions {
  readonly rounds: number;
  readonly rowsPerCall: readonly number[];
  /** A round ends after this time, or with the last message. */
  readonly seconds: number;
  readonly messages: number;
}

interface BatchRound {
  readonly rowsPerSecond: number;
  readonly cpuMicros: number;
  readonly databaseCpuMicros: number;
}

/**
 * Rows a second of the store alone, one call after the other, in alternating rounds; as a table.
 */
export async function compareBatches(
  engines: readonly Engine[],
  options: BatchOptions,
): Promise<string> {
  const messages = await madeUp(options.messages);
  const results = options.rowsPerCall.map((rows) => ({
    rows,
    engines: engines.map((engine) => ({ engine, rounds: [] as BatchRound[] })),
  }));
  for (let round = 1; round <= options.rounds; round++) {
    for (const { rows, engines } of results) {
      for (const { engine, rounds } of engines)
        rounds.push(await insert(engine, messages, rows, options.seconds));
    }
    process.stderr.write(`round ${round} of batch sizes\n`);
  }
  const head = engines.flatMap(({ name, pid }) => [
    `${name} rows/s`,
    "CPU µs/row, client",
    ...(pid === undefined ? [] : [`${name}'s processes`]),
  ]);
  const body = results.map(({ rows, engines }) => {
    const [first, second] = engines.map(({ rounds }) =>
      median(rounds.map(({ rowsPerSecond }) => rowsPerSecond)),
    );
    const cells = engines.flatMap(({ engine, rounds }) => cellsOf(engine, rounds));
    return [rounded(rows), ...cells, rounded((second ?? Number.NaN) / (first ?? Number.NaN), 2)];
  });
  return table([["rows a call", ...head, `${engines[1]?.name} ÷ ${engines[0]?.name}`], ...body]);
}

function cellsOf({ pid }: Engine, rounds: readonly BatchRound[]): readonly string[] {
  const of = (figure: keyof BatchRound, digits: number) =>
    rounded(median(rounds.map((round) => round[figure])), digits);
  const server = pid === undefined ? [] : [of("databaseCpuMicros", 1)];
  return [of("rowsPerSecond", 0), of("cpuMicros", 1), ...server];
}

async function insert(
  engine: Engine,
  messages: readonly NewMessage[],
  rowsPerCall: number,
  seconds: number,
): Promise<BatchRound> {
  await using database = await engine.fresh();
  const store = await openStore(database.url);
  let stored = 0;
  const databaseCpu = () => (engine.pid === undefined ? Number.NaN : cpuSeconds(engine.pid));
  const [cpuBefore, databaseBefore] = [process.cpuUsage(), databaseCpu()];
  const startMs = performance.now();
  while (stored < messages.length && performance.now() - startMs < 1_000 * seconds) {
    const batch = messages.slice(stored, stored + rowsPerCall);
    const outcomes = await store.insertMessages(batch);
    if (outcomes.some((outcome) => outcome !== "created"))
      throw new Error(`${engine.name}: not every row was new`);
    stored += batch.length;
  }
  const took = (performance.now() - startMs) / 1_000;
  const { user, system } = process.cpuUsage(cpuBefore);
  const databaseUsed = databaseCpu() - databaseBefore;
  await store.close();
  expectWithin(`${engine.name}: rows in the table`, await database.countRows(), stored, stored);
  return {
    rowsPerSecond: stored / took,
    cpuMicros: (user + system) / stored,
    databaseCpuMicros: (1e6 * databaseUsed) / stored,
  };
}

/** The messages that the loader would store. */
async function madeUp(count: number): Promise<readonly NewMessage[]> {
  const messages: NewMessage[] = [];
  const collector = {
    insertMessages: async (rows: readonly NewMessage[]) => {
      messages.push(...rows);
      return [];
    },
    backlogRows: () => 0,
  };
  await loadMessages(collector, { seed: SEED, count, nowMs: FILLED_UNTIL_MS, clock: systemClock });
  return messages;
}

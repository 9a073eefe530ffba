import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ownRedis, type RedisServer, unlessRedis } from "../test/support/redis.ts";
import { expectAccepted, settledTotals } from "./support/checks.ts";
import { median, rounded, table } from "./support/figures.ts";
import { sqliteUrl } from "./support/fill.ts";
import { readFlags } from "./support/flags.ts";
import { ingestRound, writeLoad } from "./support/ingest-round.ts";
import { describeMachine, scratchFolder } from "./support/machine.ts";
import { writeSignedMessages } from "./support/messages.ts";
import { scrape } from "./support/metrics.ts";
import { type OpenLoopResult, runOpenLoop } from "./support/open-loop-run.ts";
import { cpuSeconds } from "./support/process-figures.ts";
import { startLyftr } from "./support/target.ts";
import { requireTool, runWrkReads } from "./support/wrk.ts";

// Measures the CPU cost of API keys and of limits that refuse nothing, compared with the same
// service without them, in alternating rounds. Also measures latencies with a Redis that stops
// answering under load, compared with one that answers.

const flags = readFlags({
  seconds: 8,
  warmupSeconds: 6,
  rounds: 3,
  connections: 64,
  messagesPerSecondMax: 50_000,
  redisSeconds: 10,
  redisRounds: 3,
  rate: 1_000,
});
const STOPPED_AFTER_MS = 500;
const BACK_MS_MAX = 30_000;
const API_KEY = "an-admin-key-of-32-characters-or-more";
const PLENTY = "1000000/1s";
const LIMITS = { RATE_LIMIT_PER_IP: PLENTY, RATE_LIMIT_PER_SENDER: PLENTY };
const KEYS = {
  ADMIN_API_KEY: API_KEY,
  READ_AUTH: "required",
  RATE_LIMIT_PER_IP: PLENTY,
  RATE_LIMIT_PER_KEY: PLENTY,
};

requireTool("wrk", "-v");
await using opened = new AsyncDisposableStack();
using folder = scratchFolder();
const machine = describeMachine(folder.path);
const messages = {
  warmup: join(folder.path, "warmup.txt"),
  measured: join(folder.path, "measured.txt"),
};
writeLoad(messages, "", flags);
let databases = 0;
const newDatabase = () => sqliteUrl(join(folder.path, `${++databases}.db`));
const noRedis = unlessRedis();
if (noRedis !== false) process.stderr.write(`LEFT OUT: Redis: ${noRedis}\n`);
const redis = noRedis === false ? opened.use(await ownRedis()) : undefined;

interface Contender {
  readonly name: string;
  readonly env: Readonly<Record<string, string>>;
}

const OFF: Contender = { name: "no limits", env: {} };
const messageContenders: readonly Contender[] = [
  OFF,
  { name: "limits of sender and address, in memory", env: LIMITS },
  ...(redis
    ? [{ name: "the same, shared in Redis", env: { ...LIMITS, REDIS_URL: redis.url } }]
    : []),
];
const readContenders: readonly Contender[] = [
  OFF,
  { name: "API key, limits of key and address", env: KEYS },
];

const ofMessages = await alternate(messageContenders, async ({ name, env }) => {
  await using target = await startLyftr(newDatabase(), { env });
  // Without `await` the server would be ended first.
  return (await ingestRound(name, target, { ...flags, messages })).cpuMicros;
});
const ofReads = await alternate(readContenders, async ({ env }) => {
  await using target = await startLyftr(newDatabase(), { env });
  const load = { url: `${target.url}/stats`, connections: flags.connections, key: API_KEY };
  await runWrkReads({ ...load, seconds: Math.max(1, flags.warmupSeconds) });
  const before = cpuSeconds(target.pid);
  const answers = await runWrkReads({ ...load, seconds: flags.seconds });
  return (1e6 * (cpuSeconds(target.pid) - before)) / answers;
});
const stopped = redis === undefined ? undefined : await stopUnderLoad(redis);
process.stdout.write(`${report()}\n`);

type Rounds = ReadonlyMap<Contender, number[]>;

async function alternate(
  contenders: readonly Contender[],
  measure: (contender: Contender) => Promise<number>,
): Promise<Rounds> {
  const results = new Map<Contender, number[]>(contenders.map((contender) => [contender, []]));
  for (let round = 1; round <= flags.rounds; round++) {
    // Every other round in reverse order: otherwise the same contender would always follow a heavy
    // one.
    for (const contender of round % 2 === 1 ? contenders : contenders.toReversed()) {
      const micros = await measure(contender);
      results.get(contender)?.push(micros);
      process.stderr.write(`round ${round}, ${contender.name}: ${rounded(micros, 1)} µs CPU\n`);
    }
  }
  return results;
}

interface Stopped {
  readonly answering: OpenLoopResult[];
  readonly stopped: OpenLoopResult[];
}

/**
 * The same load with a Redis that answers and with one that is stopped in the middle, in turns. An
 * answer that is not 200 fails the run.
 */
async function stopUnderLoad(server: RedisServer): Promise<Stopped> {
  await using target = await startLyftr(newDatabase(), {
    env: { ...LIMITS, REDIS_URL: server.url },
  });
  const { url } = target;
  const results: Stopped = { answering: [], stopped: [] };
  const { rate, connections, redisSeconds: seconds } = flags;
  const phase = async (name: string, disturb: () => Promise<void>) => {
    const file = join(folder.path, "phase.txt");
    writeSignedMessages(file, name, Math.ceil(rate * seconds));
    const before = await settledTotals(url);
    const load = runOpenLoop({ url, path: "/webhook", messages: file, rate, seconds, connections });
    const [result] = await Promise.all([load, sleep(STOPPED_AFTER_MS).then(disturb)]);
    expectAccepted(name, before, await settledTotals(url), Math.round(rate * seconds), 0);
    return result;
  };
  await phase("warm", async () => undefined);
  for (let round = 1; round <= flags.redisRounds; round++) {
    results.answering.push(await phase(`answering${round}`, async () => undefined));
    results.stopped.push(await phase(`stopped${round}`, async () => server.freeze()));
    server.thaw();
    const deadline = performance.now() + BACK_MS_MAX;
    while ((await scrape(url))("shared_state_up") !== 1) {
      if (performance.now() > deadline) throw new Error("Redis was not taken again");
      await sleep(50);
    }
  }
  return results;
}

function report(): string {
  const cpuTable = (what: string, rounds: Rounds, goal = "") => {
    const off = median(rounds.get(OFF) ?? []);
    const rows = [...rounds].map(([{ name }, values]) => [
      name,
      rounded(median(values), 1),
      values.map((value) => rounded(value, 1)).join(" · "),
      rounded(median(values) / off, 3),
    ]);
    return table([[what, "CPU µs, median", "each round", `÷ no limits${goal}`], ...rows]);
  };
  return [
    `${machine}; ${flags.connections} connections, ${flags.rounds} rounds of ${flags.seconds} s after ${flags.warmupSeconds} s of warming up`,
    "",
    cpuTable("a message", ofMessages, " (goal ≤ 1.04)"),
    "",
    cpuTable("a read of /stats", ofReads),
    ...(stopped === undefined ? [] : ["", stoppedTable(stopped)]),
  ].join("\n");
}

function stoppedTable({ answering, stopped }: Stopped): string {
  const of = (results: readonly OpenLoopResult[], figure: "p50Ms" | "p99Ms" | "maxMs") =>
    median(results.map((result) => result[figure]));
  const row = (name: string, results: readonly OpenLoopResult[]) => [
    name,
    rounded(of(results, "p50Ms"), 1),
    rounded(of(results, "p99Ms"), 1),
    results.map(({ p99Ms }) => rounded(p99Ms, 1)).join(" · "),
    rounded(of(results, "maxMs"), 1),
    "0",
  ];
  const added = of(stopped, "p99Ms") - of(answering, "p99Ms");
  return [
    table([
      [
        `${rounded(flags.rate)} messages/s, ${flags.redisSeconds} s`,
        "p50 ms",
        "p99 ms",
        "each round",
        "max ms",
        "failed",
      ],
      row("Redis answers", answering),
      row(`Redis is stopped (SIGSTOP) after ${STOPPED_AFTER_MS} ms`, stopped),
    ]),
    "",
    `- p99 added by a Redis that is stopped: ${rounded(added, 1)} ms (goal ≤ 5 ms)`,
  ].join("\n");
}

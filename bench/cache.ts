import { equal } from "node:assert/strict";
import { sendersOf } from "../src/cli/demo/loader.ts";
import { ownServer, unlessOwnServer } from "../test/support/postgres-server.ts";
import { settledTotals } from "./support/checks.ts";
import { type Engine, postgresEngine, sqliteEngine } from "./support/engines.ts";
import { median, rounded, table } from "./support/figures.ts";
import { FILLED_UNTIL_MS, fill } from "./support/fill.ts";
import { readFlags } from "./support/flags.ts";
import { describeMachine, scratchFolder } from "./support/machine.ts";
import { type Samples, scrape, totalMessages } from "./support/metrics.ts";
import { startOpenLoop } from "./support/open-loop-run.ts";
import { cpuSeconds } from "./support/process-figures.ts";
import { startLyftr, type Target, UNCACHED } from "./support/target.ts";
import { askByWrk, requireTool } from "./support/wrk.ts";

// Measures the benefit of the cache: the same queries to the service with and without it, in turns,
// while nothing is written and while messages arrive. Fails unless both return the same bytes.

const flags = readFlags({
  rows: 1_000_000,
  rounds: 2,
  seconds: 4,
  connections: 8,
  ingestRate: 500,
  engines: "sqlite,postgres",
});

const QUESTIONS = ["/stats", "/messages", "/senders", "/stats/timeline?bucket=day"];
const SIDES = [
  { name: "off", ttlMs: 0 },
  { name: "on", ttlMs: 1_000 },
] as const;
const LOADS = [
  { name: "nothing is written", rate: 0 },
  { name: `${rounded(flags.ingestRate)} messages/s arrive`, rate: flags.ingestRate },
] as const;
const SOURCES = ["hit", "joined", "miss"] as const;
const INGEST_SECONDS_MAX = 600;
const INGEST_CONNECTIONS = 64;

/**
 * The seed of the next messages. The seed of the filled database, and used ones, would make
 * duplicates.
 */
let madeUpSeed = 2;

interface Figure {
  readonly perSecond: number;
  /** Of the service and the database server. */
  readonly cpuMicros: number;
  readonly serverCpuMicros: number;
  readonly p99Ms: number;
  /** The share of answers that were not read for this request alone. */
  readonly sharePercent: number;
}

requireTool("wrk", "-v");
using folder = scratchFolder();
process.stdout.write(
  `${describeMachine(folder.path)}; ${rounded(flags.rows)} messages, ${flags.connections} connections, ${flags.rounds} rounds of ${flags.seconds} s each\n\n`,
);
if (flags.engines.includes("sqlite")) await compare(sqliteEngine(folder.path));
if (flags.engines.includes("postgres")) {
  const missing = unlessOwnServer();
  if (missing !== false) process.stderr.write(`LEFT OUT: PostgreSQL: ${missing}\n`);
  else {
    await using own = await ownServer({
      settings: { shared_buffers: "512MB", max_wal_size: "4GB" },
    });
    await compare(await postgresEngine(own.url));
  }
}

async function compare(engine: Engine): Promise<void> {
  await using database = await engine.fresh();
  await fill(database.url, flags.rows);
  await database.settle();
  const figures = new Map<string, Figure[]>();
  const taken = new Map<string, number[]>();
  for (let round = 1; round <= flags.rounds; round++) {
    for (const { name, ttlMs } of SIDES) {
      await using target = await startLyftr(database.url, { env: { CACHE_TTL_MS: String(ttlMs) } });
      for (const load of LOADS)
        await measureSide(target, engine, load, `${name} ${load.name}`, figures, taken);
      process.stderr.write(`${engine.name}, round ${round}, cache ${name}\n`);
      if (ttlMs > 0) await expectSameBytes(target, database.url);
    }
  }
  process.stdout.write(`${report(engine, figures, taken)}\n\n`);
}

/**
 * No more messages arrive. The cached answers must be those that a service without a cache reads
 * from the same database.
 */
async function expectSameBytes(cached: Target, databaseUrl: string): Promise<void> {
  await using plain = await startLyftr(databaseUrl, UNCACHED);
  for (const path of QUESTIONS) {
    const [given, read] = await Promise.all(
      [cached, plain].map(async ({ url }) => (await fetch(url + path)).text()),
    );
    equal(given, read, `${path} is the same with the cache and without`);
  }
}

async function measureSide(
  target: Target,
  engine: Engine,
  { rate }: (typeof LOADS)[number],
  key: string,
  figures: Map<string, Figure[]>,
  taken: Map<string, number[]>,
): Promise<void> {
  madeUpSeed++;
  const ingest = {
    madeUpSeed,
    url: target.url,
    path: "/webhook",
    madeUpFromMs: FILLED_UNTIL_MS,
    senders: sendersOf(flags.rows),
  };
  const bounds = { rate, seconds: INGEST_SECONDS_MAX, connections: INGEST_CONNECTIONS };
  const before = await totalMessages(target.url);
  const startedMs = performance.now();
  await using running = rate > 0 ? startOpenLoop({ ...ingest, ...bounds }) : undefined;
  for (const path of QUESTIONS) {
    const name = `${key} ${path}`;
    figures.set(name, [...(figures.get(name) ?? []), await measure(target, engine, path)]);
  }
  if (running === undefined) return;
  const endedMs = performance.now();
  // Without the cache, reads may leave too little of the machine for the messages. That is a
  // figure, not a failure.
  await running
    .stop()
    .catch((error: Error) => process.stderr.write(`NOTE: ${key}: ${error.message}\n`));
  const { stored } = await settledTotals(target.url);
  if (stored === before)
    throw new Error(`${key}: nothing was stored, so these are figures of something else`);
  taken.set(key, [...(taken.get(key) ?? []), (1e3 * (stored - before)) / (endedMs - startedMs)]);
}

async function measure(target: Target, { pid }: Engine, path: string): Promise<Figure> {
  const { seconds, connections } = flags;
  const url = target.url + path;
  await askByWrk({ url, seconds: 1, connections });
  const before = { samples: await scrape(target.url), ...cpu(target, pid) };
  const { accepted, seconds: took, p99Ms } = await askByWrk({ url, seconds, connections });
  const after = { samples: await scrape(target.url), ...cpu(target, pid) };
  return {
    perSecond: accepted / took,
    cpuMicros: (1e6 * (after.service - before.service)) / accepted,
    serverCpuMicros: (1e6 * (after.server - before.server)) / accepted,
    p99Ms,
    sharePercent: sharePercent(before.samples, after.samples),
  };
}

function cpu({ pid }: Target, serverPid: number | undefined) {
  return { service: cpuSeconds(pid), server: serverPid === undefined ? 0 : cpuSeconds(serverPid) };
}

function sharePercent(before: Samples, after: Samples): number {
  const of = (source: string) => {
    const series = `cache_requests_total{result="${source}"}`;
    return after(series) - before(series);
  };
  const all = SOURCES.reduce((sum, source) => sum + of(source), 0);
  return all === 0 ? 0 : 100 * (1 - of("miss") / all);
}

function report(
  engine: Engine,
  figures: ReadonlyMap<string, readonly Figure[]>,
  taken: ReadonlyMap<string, readonly number[]>,
): string {
  const value = (side: string, load: string, path: string, figure: keyof Figure, digits = 0) =>
    rounded(
      median((figures.get(`${side} ${load} ${path}`) ?? []).map((one) => one[figure])),
      digits,
    );
  const server = engine.pid === undefined ? [] : ["server CPU µs off → on"];
  const head = [
    "",
    "requests/s off → on",
    "CPU µs/request off → on",
    ...server,
    "p99 ms off → on",
    "not read for itself",
  ];
  const sections = LOADS.map(({ name: load, rate }) => {
    const [off = 0, on = 0] = SIDES.map((side) => median(taken.get(`${side.name} ${load}`) ?? []));
    const stored =
      rate === 0
        ? ""
        : ` (stored a second beside the reads, off → on: ${rounded(off)} → ${rounded(on)})`;
    const rows = QUESTIONS.map((path) => {
      const both = (figure: keyof Figure, digits = 0) =>
        SIDES.map((side) => value(side.name, load, path, figure, digits)).join(" → ");
      const ofServer = engine.pid === undefined ? [] : [both("serverCpuMicros")];
      const share = `${value("on", load, path, "sharePercent", 1)} %`;
      return [
        `\`${path}\``,
        both("perSecond"),
        both("cpuMicros"),
        ...ofServer,
        both("p99Ms", 1),
        share,
      ];
    });
    return [`**${engine.name}, ${load}**${stored}`, "", table([head, ...rows])].join("\n");
  });
  return sections.join("\n\n");
}

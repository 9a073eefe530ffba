import { equal } from "node:assert/strict";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { sendersOf } from "../src/cli/demo/loader.ts";
import { senderNumber } from "../src/cli/sending/message-generator.ts";
import { COMMON_WORD, RARE_WORD, RECEIVERS } from "../src/cli/sending/sample-texts.ts";
import { QUIET_AFTER_MS } from "../web/live/quiet.ts";
import { settledTotals } from "./support/checks.ts";
import { ClosedLoop, type Latencies } from "./support/closed-loop.ts";
import { DashboardTab } from "./support/dashboard-tab.ts";
import { median, rounded, table } from "./support/figures.ts";
import { FILLED_UNTIL_MS, fill, sqliteUrl } from "./support/fill.ts";
import { readFlags } from "./support/flags.ts";
import { type IngestRound, ingestRound, writeLoad } from "./support/ingest-round.ts";
import { describeMachine, scratchFolder } from "./support/machine.ts";
import { totalMessages } from "./support/metrics.ts";
import { startOpenLoop } from "./support/open-loop-run.ts";
import { threadSeconds } from "./support/process-figures.ts";
import { measureTailLists } from "./support/tail-lists.ts";
import { startLyftr, UNCACHED } from "./support/target.ts";
import { requireTool } from "./support/wrk.ts";

// Measures what open tabs of the dashboard cost the service: the list that each asks for every two
// seconds, the CPU time of one tab, and how much slower ingest is with many tabs. Tabs are emulated
// by their requests.

const flags = readFlags({
  rows: 1_000_000,
  // A database filled by load.ts, to save time. Messages are added to it.
  database: "",
  parts: "lists,tail,tab,ingest",
  requests: 200,
  // Messages that are not in the read index, and how often each list is read with them.
  tailRows: 6_000,
  reads: 30,
  tabSeconds: 30,
  // How much shorter the intervals of the one tab are, so that its cost stands out.
  hurry: 4,
  tabRounds: 2,
  rates: "0,500",
  tabs: 20,
  seconds: 8,
  warmupSeconds: 6,
  rounds: 3,
  connections: 64,
  messagesPerSecondMax: 20_000,
});
const INGEST_CONNECTIONS = 32;
const TAB_LISTS = 7;
/** The default of the service. */
const CACHE_TTL_MS = 1_000;
/** The service starts, and a tab opens its connections, outside of what is measured. */
const OPENING_MS = Math.min(3_000, 1_000 * flags.tabSeconds);

requireTool("wrk", "-v");
using folder = scratchFolder();
const machine = describeMachine(folder.path);
const path = flags.database === "" ? join(folder.path, "app.db") : resolve(flags.database);
if (flags.database === "") await fill(sqliteUrl(path), flags.rows);
const sections = [`${machine}; ${rounded(flags.rows)} messages`];
if (flags.parts.includes("lists")) sections.push(await measureLists());
if (flags.parts.includes("tail"))
  sections.push(await measureTailLists({ ...flags, path, lists: lists() }));
if (flags.parts.includes("tab")) sections.push(await measureTab());
if (flags.parts.includes("ingest")) sections.push(await measureIngest());
process.stdout.write(`${sections.join("\n\n")}\n`);

/** The lists of a reader, each as the page asks for it. */
function lists(): readonly (readonly [string, Readonly<Record<string, string>>])[] {
  const day = { since: "2025-01-13T18:30:00Z", until: "2025-01-14T18:30:00Z" };
  const [to = ""] = RECEIVERS;
  const from = senderNumber(0);
  return [
    ["all", {}],
    ["`from`, the busiest", { from }],
    ["`to`", { to }],
    ["`since` and `until`, a day", day],
    ["`from` and `to`", { from, to }],
    ["`q`, a word in 1 %", { q: COMMON_WORD }],
    ["`q`, a rare word", { q: RARE_WORD }],
    ["`q`, a word in 1 %, and `to`", { q: COMMON_WORD, to }],
    ["`q`, two letters", { q: "vo" }],
    ["`q`, not there", { q: "qqqqqq" }],
  ];
}

/** Every answer is read from the database: the page asks less often than answers are kept. */
async function measureLists(): Promise<string> {
  await using service = await startLyftr(sqliteUrl(path), UNCACHED);
  const rows: (readonly string[])[] = [];
  for (const [name, filter] of lists()) {
    const query = new URLSearchParams({ ...filter, order: "desc", limit: "50", count: "none" });
    const whole = await repeated(service, `/messages?${query}`, {}, 200);
    const tag = whole.etag ?? "";
    const unchanged = await repeated(service, `/messages?${query}`, { "if-none-match": tag }, 304);
    const figures = [whole, unchanged].flatMap(({ latencies: { p50Ms, p99Ms }, cpuMs }) =>
      [p50Ms, p99Ms, cpuMs].map((ms) => rounded(ms, 2)),
    );
    rows.push([name, ...figures]);
  }
  const head = ["200: p50 ms", "p99 ms", "CPU ms", "304: p50 ms", "p99 ms", "CPU ms"];
  return table([["", ...head], ...rows]);
}

interface Repeated {
  readonly latencies: Latencies;
  readonly cpuMs: number;
  readonly etag: string | undefined;
}

async function repeated(
  { url, pid }: { readonly url: string; readonly pid: number },
  list: string,
  headers: Readonly<Record<string, string>>,
  status: number,
): Promise<Repeated> {
  using client = new ClosedLoop(url, headers);
  const { etag } = await client.get(list);
  const check = (answer: { readonly status: number }) => equal(answer.status, status, list);
  const bounds = { requestsMax: flags.requests, msMax: 10_000, check };
  const before = threadSeconds(pid);
  const latencies = await client.repeat(list, bounds);
  const cpuMs = (1e3 * (threadSeconds(pid) - before)) / latencies.requests;
  return { latencies, cpuMs, etag };
}

/**
 * The CPU time of the service with one tab less that without, in windows that alternate. Intervals
 * are shorter, and so is the time for which an answer is kept.
 */
async function measureTab(): Promise<string> {
  const rows: (readonly string[])[] = [];
  const ttlMs = CACHE_TTL_MS / flags.hurry;
  const options = { env: { CACHE_TTL_MS: String(ttlMs) } };
  await using service = await startLyftr(sqliteUrl(path), options);
  for (const rate of flags.rates.split(",").map(Number)) {
    await using load = rate > 0 ? startOpenLoop(openLoop(service.url, rate)) : undefined;
    const used = { without: [] as number[], with: [] as number[] };
    const told = { unchanged: 0, changed: 0, refused: 0 };
    for (let round = 1; round <= flags.tabRounds; round++) {
      await sleep(OPENING_MS);
      used.without.push(await cpuMsPerMinute(service.pid));
      await using tab = new DashboardTab(service.url, {}, flags.hurry);
      // While nothing comes in, the tab is as slow as one that was left open.
      await sleep(OPENING_MS + (rate === 0 ? QUIET_AFTER_MS / flags.hurry : 0));
      const before = { ...tab.told };
      used.with.push(await cpuMsPerMinute(service.pid));
      for (const kind of ["unchanged", "changed", "refused"] as const)
        told[kind] += tab.told[kind] - before[kind];
      process.stderr.write(`${rate} messages/s, round ${round}: ${JSON.stringify(used)}\n`);
    }
    await load?.stop();
    const [without, withTab] = [median(used.without), median(used.with)];
    rows.push([
      rate === 0 ? "nothing comes in" : `${rounded(rate)} messages/s come in`,
      ...[without, withTab, (withTab - without) / flags.hurry].map((ms) => rounded(ms)),
      `${told.unchanged} · ${told.changed} · ${told.refused}`,
    ]);
  }
  const head = [
    "without a tab",
    `with one, ${flags.hurry} times as quick`,
    "of one tab",
    "304 · 200 · refused",
  ];
  return table([["CPU ms of the service a minute", ...head], ...rows]);
}

function openLoop(url: string, rate: number) {
  return {
    url,
    rate,
    path: "/webhook",
    // After the messages of the database, and not those of an earlier run on it.
    madeUpFromMs: FILLED_UNTIL_MS,
    madeUpSeed: Date.now() % 1e9,
    senders: sendersOf(flags.rows),
    seconds: 2 * flags.tabRounds * (flags.tabSeconds + OPENING_MS / 1_000) + 60,
    connections: INGEST_CONNECTIONS,
  };
}

async function cpuMsPerMinute(pid: number): Promise<number> {
  const [before, startMs] = [threadSeconds(pid), performance.now()];
  await sleep(1_000 * flags.tabSeconds);
  return (60_000 * 1e3 * (threadSeconds(pid) - before)) / (performance.now() - startMs);
}

/** Rounds without and with open tabs. */
async function measureIngest(): Promise<string> {
  const messages = {
    warmup: join(folder.path, "warmup.txt"),
    measured: join(folder.path, "measured.txt"),
  };
  // The tabs look at different lists, but at none of the slowest.
  const filters = lists().slice(0, TAB_LISTS);
  const rounds = { without: [] as IngestRound[], with: [] as IngestRound[] };
  await using service = await startLyftr(sqliteUrl(path));
  for (let round = 1; round <= flags.rounds; round++) {
    // The database grows, and a message costs more then. So the sides take turns to be first.
    const sides = ["without", "with"] as const;
    for (const side of round % 2 === 1 ? sides : sides.toReversed()) {
      const run = `${side}${round}-${process.pid}`;
      writeLoad(messages, run, flags);
      const tabs = Array.from({ length: side === "with" ? flags.tabs : 0 }, (_, at) => {
        const [, filter] = filters[at % filters.length] ?? [];
        return new DashboardTab(service.url, filter ?? {});
      });
      rounds[side].push(await ingestRound(run, service, { ...flags, messages }));
      await Promise.all(tabs.map((tab) => tab[Symbol.asyncDispose]()));
      process.stderr.write(`round ${round}, ${side} tabs\n`);
    }
  }
  await settledTotals(service.url);
  const stored = [...rounds.without, ...rounds.with].map((round) => round.stored);
  equal(await totalMessages(service.url), Math.max(...stored));
  return ingestTable(rounds);
}

function ingestTable(rounds: Readonly<Record<"without" | "with", readonly IngestRound[]>>): string {
  const of = (side: "without" | "with", figure: keyof IngestRound) =>
    rounds[side].map((round) => round[figure]);
  const rows = (["without", "with"] as const).map((side) => [
    side === "without" ? "no tab" : `${flags.tabs} tabs`,
    rounded(median(of(side, "messagesPerSecond"))),
    of(side, "messagesPerSecond")
      .map((value) => rounded(value))
      .join(" · "),
    rounded(median(of(side, "cpuMicros")), 1),
    rounded(median(of(side, "p99Ms")), 1),
  ]);
  const ratio = (figure: keyof IngestRound) =>
    rounded(median(of("with", figure)) / median(of("without", figure)), 2);
  const head = ["messages/s, median", "each round", "CPU µs/message", "p99 ms"];
  return [
    table([["", ...head], ...rows]),
    "",
    `- messages/s, with ÷ without tabs: ${ratio("messagesPerSecond")} (goal ≥ 0.95)`,
    `- CPU a message, with ÷ without tabs: ${ratio("cpuMicros")} (goal ≤ 1.05)`,
  ].join("\n");
}

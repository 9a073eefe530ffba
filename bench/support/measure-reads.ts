import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { sendersOf } from "../../src/cli/demo/loader.ts";
import { expectWithin, settledTotals } from "./checks.ts";
import { ClosedLoop, type Latencies } from "./closed-loop.ts";
import { FILLED_UNTIL_MS, fill, sqliteUrl } from "./fill.ts";
import { type OpenLoopResult, startOpenLoop } from "./open-loop-run.ts";
import { dropPageCache } from "./page-cache.ts";
import { plainScan, type ScanAnswer } from "./plain-scan.ts";
import { peakRssMib } from "./process-figures.ts";
import { answerOf, countedAnswers, expectAnswer, expectGrown } from "./read-answers.ts";
import { landmarksOf, type ReadFigure, readFigures } from "./read-figures.ts";
import { copyForFirstDesign } from "./seed-database.ts";
import { startLyftr, startSeedApp, type Target, UNCACHED } from "./target.ts";

const INGEST_SECONDS_MAX = 900;
const INGEST_CONNECTIONS = 32;
const INGEST_UNDER_WAY_MS = 1_000;
const WARMUP_REQUESTS = 10;

export interface ReadsOptions {
  readonly rows: number;
  readonly folder: string;
  readonly requests: number;
  readonly figureSeconds: number;
  readonly ingestRate: number;
  readonly cold: boolean;
  readonly scanRowsMax: number;
  readonly seedRequests: number;
  /** Undefined leaves the first design out. */
  readonly seedApp: string | undefined;
}

export interface FigureResult {
  readonly name: string;
  readonly goalMs: number | undefined;
  readonly total: number | undefined;
  readonly latencies: Latencies;
  readonly coldMs: number | undefined;
  readonly firstDesign: Latencies | undefined;
}

export interface SizeResult {
  readonly rows: number;
  readonly scanned: boolean;
  readonly figures: readonly FigureResult[];
  readonly ready: { readonly warmMs: number; readonly coldMs: number | undefined };
  readonly peakRssMib: number;
  readonly ingest: OpenLoopResult | undefined;
}

interface Measured {
  readonly figure: ReadFigure;
  /** The correct answer while no messages arrive. */
  readonly right: ScanAnswer;
}

/** Measures one size of database, in its own folder. */
export async function measureReads(options: ReadsOptions): Promise<SizeResult> {
  const { rows, folder, seedApp } = options;
  const note = (what: string) => process.stderr.write(`${rows} rows: ${what}\n`);
  mkdirSync(folder, { recursive: true });
  const path = join(folder, "app.db");
  note("filling");
  await fill(sqliteUrl(path), rows);
  note("comparing");
  const measured = await compared(path, options);
  if (seedApp !== undefined) note("the first design");
  const firstDesign =
    seedApp === undefined ? [] : await measureFirstDesign(path, seedApp, measured, options);
  if (options.cold) note("cold requests");
  const cold = options.cold ? await measureCold(path, measured) : undefined;
  note("warm requests");
  await using service = await startLyftr(sqliteUrl(path), UNCACHED);
  const warm = await measureWarm(service, measured, options);
  note("comparing again");
  await expectAllRight(service, path, measured, options);
  return {
    rows,
    scanned: rows <= options.scanRowsMax,
    ingest: warm.ingest,
    figures: measured.map(({ figure, right }, at) => ({
      name: figure.name,
      goalMs: figure.goalMs,
      total: right.total,
      latencies: warm.latencies[at] as Latencies,
      coldMs: cold?.ms[at],
      firstDesign: firstDesign[at],
    })),
    ready: { warmMs: service.readyMs, coldMs: cold?.readyMs },
    peakRssMib: warm.peakRssMib,
  };
}

/**
 * The queries and their correct answers. Every answer of the service has been compared with them.
 */
async function compared(path: string, options: ReadsOptions): Promise<readonly Measured[]> {
  await using service = await startLyftr(sqliteUrl(path), UNCACHED);
  using client = new ClosedLoop(service.url);
  const marks = landmarksOf(path);
  expectWithin("rows in the table", marks.rows, options.rows, options.rows);
  const figures = await readFigures(marks, client);
  const answers = await rightAnswers(path, figures, options);
  const measured: Measured[] = [];
  for (const [at, figure] of figures.entries()) {
    const answer = answerOf(figure, await client.get(figure.path));
    const right = answers[at] as ScanAnswer;
    expectAnswer(figure, answer, right);
    // If no scan gives the correct rows, the busy service has to return the same as the quiet one.
    measured.push({ figure, right: { ...answer, ...right } });
  }
  return measured;
}

function rightAnswers(
  path: string,
  figures: readonly ReadFigure[],
  { rows, scanRowsMax }: ReadsOptions,
): Promise<readonly ScanAnswer[]> | readonly ScanAnswer[] {
  const queries = figures.map(({ query }) => query);
  return rows <= scanRowsMax ? plainScan(path, queries) : countedAnswers(path, queries);
}

/** After all messages have arrived: compares the answers with all rows again. */
async function expectAllRight(
  { url }: Target,
  path: string,
  measured: readonly Measured[],
  options: ReadsOptions,
): Promise<void> {
  using client = new ClosedLoop(url);
  const figures = measured.map(({ figure }) => figure);
  const answers = await rightAnswers(path, figures, options);
  for (const [at, figure] of figures.entries())
    expectAnswer(
      figure,
      answerOf(figure, await client.get(figure.path)),
      answers[at] as ScanAnswer,
    );
}

/** The first request of a new process with a cold page cache, for each figure. */
async function measureCold(path: string, measured: readonly Measured[]) {
  const ms: number[] = [];
  let readyMs: number | undefined;
  for (const { figure, right } of measured) {
    dropPageCache();
    await using service = await startLyftr(sqliteUrl(path), UNCACHED);
    readyMs ??= service.readyMs;
    using client = new ClosedLoop(service.url);
    const answer = await client.get(figure.path);
    expectAnswer(figure, answerOf(figure, answer), right);
    ms.push(answer.ms);
  }
  return { ms, readyMs };
}

async function measureWarm(
  { url, pid }: Target,
  measured: readonly Measured[],
  options: ReadsOptions,
) {
  const { rows, requests, figureSeconds, ingestRate: rate } = options;
  using client = new ClosedLoop(url);
  const load = { url, path: "/webhook", madeUpFromMs: FILLED_UNTIL_MS, senders: sendersOf(rows) };
  const bounds = { rate, seconds: INGEST_SECONDS_MAX, connections: INGEST_CONNECTIONS };
  await using ingest = rate > 0 ? startOpenLoop({ ...load, ...bounds }) : undefined;
  if (ingest !== undefined) await sleep(INGEST_UNDER_WAY_MS);
  const latencies: Latencies[] = [];
  const startMs = performance.now();
  for (const { figure, right } of measured) {
    const check = (answer: Parameters<typeof answerOf>[1]) => {
      const sentMax = rate * ((performance.now() - startMs + INGEST_UNDER_WAY_MS) / 1_000);
      expectGrown(figure, answerOf(figure, answer), right, Math.ceil(sentMax));
    };
    const bounds = { msMax: 1_000 * figureSeconds, check };
    await client.repeat(figure.path, {
      ...bounds,
      requestsMax: Math.min(WARMUP_REQUESTS, requests),
    });
    latencies.push(await client.repeat(figure.path, { ...bounds, requestsMax: requests }));
  }
  const result = await ingest?.stop();
  const { stored } = await settledTotals(url);
  expectWithin("messages stored", stored, rows + (result?.sent ?? 0), rows + (result?.sent ?? 0));
  return { latencies, ingest: result, peakRssMib: peakRssMib(pid) };
}

/**
 * The same queries to the first design, if it supports them. Its totals are compared where it
 * compares in the same way.
 */
async function measureFirstDesign(
  path: string,
  seedApp: string,
  measured: readonly Measured[],
  { folder, seedRequests, figureSeconds }: ReadsOptions,
): Promise<readonly (Latencies | undefined)[]> {
  const copy = join(folder, "first-design.db");
  copyForFirstDesign(path, copy);
  await using target = await startSeedApp(seedApp, copy);
  using client = new ClosedLoop(target.url);
  const results: (Latencies | undefined)[] = [];
  for (const { figure, right } of measured) {
    const check = (answer: Parameters<typeof answerOf>[1]) => {
      const { total } = answerOf(figure, answer);
      // It compares timestamps as text, where 10:00:00.5Z comes before 10:00:00Z.
      const exact = !("since" in figure.query);
      if (exact && total !== undefined)
        expectWithin(
          `first design, ${figure.name}: total`,
          total,
          right.total ?? 0,
          right.total ?? 0,
        );
    };
    const bounds = { requestsMax: seedRequests, msMax: 1_000 * figureSeconds, check };
    results.push(figure.old ? await client.repeat(figure.path, bounds) : undefined);
  }
  return results;
}

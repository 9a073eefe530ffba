import { equal } from "node:assert/strict";
import { sqlitePath } from "../../src/store/open.ts";
import { expectWithin } from "./checks.ts";
import { ClosedLoop, type Latencies, latenciesOf } from "./closed-loop.ts";
import type { DiskUse } from "./disk-use.ts";
import type { BenchDatabase, Engine } from "./engines.ts";
import { rounded, table } from "./figures.ts";
import { fill } from "./fill.ts";
import { answerOf, countedAnswers, expectAnswer } from "./read-answers.ts";
import { landmarksOf, type ReadFigure, readFigures } from "./read-figures.ts";
import { startLyftr, UNCACHED } from "./target.ts";

const WARMUP_REQUESTS = 10;
const BYTES_SHOWN_MIN = 0.05;

export interface CompareReadsOptions {
  readonly rows: number;
  readonly rounds: number;
  /** Of each figure, in all rounds together. */
  readonly requests: number;
  /** A slow query is sent less often. */
  readonly figureSeconds: number;
}

interface ComparedFigure {
  readonly name: string;
  readonly total: number | undefined;
  /** In the order of the engines. */
  readonly latencies: readonly Latencies[];
}

export interface ReadsComparison {
  readonly figures: readonly ComparedFigure[];
  readonly diskUse: readonly (readonly DiskUse[])[];
}

/** One side of the comparison: a service on a filled database, and its queries. */
interface Side {
  readonly client: ClosedLoop;
  readonly figures: readonly ReadFigure[];
}

/**
 * Sends the same queries to a service on each database with the same messages, in turns. Fails
 * unless the answers are the same.
 */
export async function compareReads(
  [sqlite, postgres]: readonly [Engine, Engine],
  options: CompareReadsOptions,
): Promise<ReadsComparison> {
  await using first = await filled(sqlite, options.rows);
  await using second = await filled(postgres, options.rows);
  const diskUse = [await first.diskUse(), await second.diskUse()];
  const path = sqlitePath(first.url) ?? "";
  const marks = landmarksOf(path);
  await using firstService = await startLyftr(first.url, UNCACHED);
  await using secondService = await startLyftr(second.url, UNCACHED);
  using firstClient = new ClosedLoop(firstService.url);
  using secondClient = new ClosedLoop(secondService.url);
  const sides: Side[] = [];
  // Each service has its own cursor for the same position.
  for (const client of [firstClient, secondClient])
    sides.push({ client, figures: await readFigures(marks, client) });
  const counted = countedAnswers(
    path,
    (sides[0]?.figures ?? []).map(({ query }) => query),
  );
  const figures: ComparedFigure[] = [];
  for (const [at, right] of counted.entries())
    figures.push(await compareFigure(sides, at, right, options));
  return { figures, diskUse };
}

async function filled(engine: Engine, rows: number): Promise<BenchDatabase> {
  process.stderr.write(`${engine.name}: storing ${rounded(rows)} messages\n`);
  const database = await engine.fresh();
  const { storeSeconds, indexSeconds } = await fill(database.url, rows);
  process.stderr.write(
    `${engine.name}: ${rounded(storeSeconds, 1)} s, and ${rounded(indexSeconds, 1)} s until counted\n`,
  );
  expectWithin(`${engine.name}: rows in the table`, await database.countRows(), rows, rows);
  await database.settle();
  return database;
}

async function compareFigure(
  sides: readonly Side[],
  at: number,
  counted: ReturnType<typeof countedAnswers>[number],
  { rounds, requests, figureSeconds }: CompareReadsOptions,
): Promise<ComparedFigure> {
  const asked: { client: ClosedLoop; figure: ReadFigure; body: string; times: number[] }[] = [];
  let right = counted;
  for (const { client, figures } of sides) {
    const figure = figures[at] as ReadFigure;
    const first = await client.get(figure.path);
    const answer = answerOf(figure, first);
    expectAnswer(figure, answer, right);
    // The complete answer of one service is the expected answer of the other.
    right = { ...answer, ...right };
    asked.push({ client, figure, body: first.body, times: [] });
  }
  for (let round = 0; round <= rounds; round++) {
    const warmingUp = round === 0;
    for (const { client, figure, body, times } of asked) {
      const part = await client.times(figure.path, {
        requestsMax: warmingUp ? Math.min(WARMUP_REQUESTS, requests) : Math.ceil(requests / rounds),
        msMax: (1_000 * figureSeconds) / rounds,
        check: (again) => equal(again.body, body, `${figure.name}: the answer has changed`),
      });
      if (!warmingUp) times.push(...part);
    }
  }
  const name = sides[0]?.figures[at]?.name ?? "";
  process.stderr.write(`read: ${name}\n`);
  return { name, total: right.total, latencies: asked.map(({ times }) => latenciesOf(times)) };
}

/** Markdown tables: the figures, and the disk space of a message. */
export function readsTables(
  { figures, diskUse }: ReadsComparison,
  rows: number,
  ratioMax: number,
): string {
  const ms = (value: number | undefined) => rounded(value ?? Number.NaN, 1);
  const ratio = ([a, b]: readonly Latencies[], of: "p50Ms" | "p99Ms") =>
    (b?.[of] ?? 0) / (a?.[of] ?? 0);
  const body = figures.map(({ name, total, latencies }) => [
    name,
    total === undefined ? "" : rounded(total),
    ...latencies.flatMap(({ p50Ms, p99Ms }) => [ms(p50Ms), ms(p99Ms)]),
    rounded(ratio(latencies, "p50Ms"), 1),
    rounded(ratio(latencies, "p99Ms"), 1),
  ]);
  const head = ["SQLite p50 ms", "p99 ms", "PostgreSQL p50 ms", "p99 ms", "p50 ÷", "p99 ÷"];
  const slow = (of: "p50Ms" | "p99Ms") =>
    figures.filter(({ latencies }) => ratio(latencies, of) > ratioMax).map(({ name }) => name);
  const told = (names: readonly string[]) => (names.length === 0 ? "none" : names.join("; "));
  return [
    table([["", "total", ...head], ...body]),
    "",
    `- more than ${ratioMax} × SQLite's, p50: ${told(slow("p50Ms"))}`,
    `- more than ${ratioMax} × SQLite's, p99: ${told(slow("p99Ms"))}`,
    `- requests each, in rounds that alternate: ${rounded(Math.max(...figures.map(({ latencies }) => latencies[0]?.requests ?? 0)))} at most`,
    "- every row and total of the first answers compared between the two, and with counts by SQLite; every later answer with the first, byte by byte",
    "",
    diskTable(diskUse, rows),
  ].join("\n");
}

function diskTable(engines: readonly (readonly DiskUse[])[], rows: number): string {
  const size = (bytes: number) => [rounded(bytes / rows, 1), rounded(bytes / 2 ** 20, 1)];
  const lines = engines.flatMap((parts) => [
    ...parts
      .filter(({ bytes }) => bytes / rows >= BYTES_SHOWN_MIN)
      .map(({ file, name, bytes }) => [file, name, ...size(bytes)]),
    ["", "**all**", ...size(parts.reduce((sum, { bytes }) => sum + bytes, 0))],
  ]);
  return table([["", "table or index", "bytes a message", "MiB"], ...lines]);
}

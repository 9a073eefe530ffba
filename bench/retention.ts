import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { freshDatabase } from "../test/support/postgres.ts";
import { ownServer } from "../test/support/postgres-server.ts";
import { median, rounded, table } from "./support/figures.ts";
import { fill, sqliteUrl } from "./support/fill.ts";
import { readFlags } from "./support/flags.ts";
import { describeMachine, scratchFolder } from "./support/machine.ts";
import { writeSignedMessages } from "./support/messages.ts";
import { type OpenLoopResult, runOpenLoop } from "./support/open-loop-run.ts";
import { startLyftr } from "./support/target.ts";

// Measures how fast old messages are deleted, and how long senders wait during that: `lyftr
// retention` runs beside the service, which takes messages at a steady rate. The result is compared
// with the quiet time before.

const flags = readFlags({
  /** Old messages, all of which are deleted in each round. */
  rows: 500_000,
  rounds: 3,
  // Less than the time that the service gives a silent new connection.
  seconds: 8,
  rate: 1_000,
  connections: 32,
  engines: "sqlite",
});

const BIN = fileURLToPath(new URL("../bin/lyftr.js", import.meta.url));
const DAYS = "365";

interface Round {
  readonly rowsPerSecond: number;
  readonly quiet: OpenLoopResult;
  readonly busy: OpenLoopResult;
}

using folder = scratchFolder();
const machine = describeMachine(folder.path);
const lines = [
  `${machine}; ${rounded(flags.rows)} old messages a round, ${rounded(flags.rate)} messages/s arrive`,
  "",
];
const rows: string[][] = [
  [
    "",
    "deleted/s",
    "p50 ms quiet",
    "during retention",
    "p99 ms quiet",
    "during retention",
    "ratio of p99",
  ],
];
for (const engine of flags.engines.split(",")) {
  const rounds: Round[] = [];
  for (let round = 1; round <= flags.rounds; round++) {
    rounds.push(
      await (engine === "postgres"
        ? onPostgres(round)
        : measure(sqliteUrl(join(folder.path, `${round}.db`)), round)),
    );
    process.stderr.write(
      `${engine}, round ${round}: ${rounded(rounds.at(-1)?.rowsPerSecond ?? 0)} deleted/s\n`,
    );
  }
  const middle = (of: (round: Round) => number, digits = 1) =>
    rounded(median(rounds.map(of)), digits);
  rows.push([
    engine,
    middle(({ rowsPerSecond }) => rowsPerSecond, 0),
    middle(({ quiet }) => quiet.p50Ms),
    middle(({ busy }) => busy.p50Ms),
    middle(({ quiet }) => quiet.p99Ms),
    middle(({ busy }) => busy.p99Ms),
    middle(({ quiet, busy }) => busy.p99Ms / quiet.p99Ms, 2),
  ]);
}
lines.push(table(rows), "", "- goals: 20,000 deleted/s, and a p99 of at most twice the quiet one");
process.stdout.write(`${lines.join("\n")}\n`);

async function onPostgres(round: number): Promise<Round> {
  await using server = await ownServer();
  await using database = await freshDatabase({ kind: "postgres", on: server.url });
  return measure(database.url, round);
}

async function measure(databaseUrl: string, round: number): Promise<Round> {
  await fill(databaseUrl, flags.rows);
  await using target = await startLyftr(databaseUrl);
  const load = (name: string, seconds: number) => {
    const messages = join(folder.path, `${name}.txt`);
    writeSignedMessages(
      messages,
      `${name}-${round}-${process.pid}`,
      Math.ceil(flags.rate * seconds),
    );
    const { rate, connections } = flags;
    return runOpenLoop({ url: target.url, path: "/webhook", messages, rate, seconds, connections });
  };
  await load("warm-up", 2);
  const quiet = await load("quiet", flags.seconds);
  const deleting = retention(databaseUrl);
  const busy = await load("busy", flags.seconds);
  const rowsPerSecond = await deleting;
  const stats = (await (await fetch(`${target.url}/stats`)).json()) as {
    readonly total_messages: number;
  };
  const stored = quiet.sent + busy.sent + Math.ceil(flags.rate * 2);
  if (stats.total_messages !== stored)
    throw new Error(`${stats.total_messages} messages are left instead of ${stored}`);
  return { rowsPerSecond, quiet, busy };
}

/** Resolves with the number of deleted messages a second, including pauses. */
async function retention(databaseUrl: string): Promise<number> {
  const child = spawn(process.execPath, [BIN, "retention", "--days", DAYS, "--yes"], {
    env: { PATH: process.env.PATH ?? "", DATABASE_URL: databaseUrl },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [said, [code]] = await Promise.all([text(child.stdout), once(child, "close")]);
  const [, deleted = "0"] = /^deleted +([0-9]+) of/m.exec(said) ?? [];
  const [, seconds = "0"] = /^took +([0-9.]+) s/m.exec(said) ?? [];
  if (code !== 0 || Number(deleted) !== flags.rows)
    throw new Error(`lyftr retention ended with ${code}: ${said}`);
  return Number(deleted) / Number(seconds);
}

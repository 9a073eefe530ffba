import { join } from "node:path";
import { median, rounded, table } from "./support/figures.ts";
import { sqliteUrl } from "./support/fill.ts";
import { readFlags } from "./support/flags.ts";
import { type IngestRound, ingestRound, writeLoad } from "./support/ingest-round.ts";
import { describeMachine, scratchFolder } from "./support/machine.ts";
import { startLyftr } from "./support/target.ts";
import { requireTool } from "./support/wrk.ts";

// Measures the service on a disk with slow fsyncs: strace makes each fsync longer. `--before PATH`
// compares it with another built checkout, in alternating rounds. strace stops every system call,
// so the CPU time of a message is not the service's own.

const flags = readFlags({
  seconds: 6,
  warmupSeconds: 3,
  rounds: 3,
  delayMs: 50,
  connections: "64,256",
  messagesPerSecondMax: 8_000,
  before: "",
});

interface Contender {
  readonly name: string;
  readonly project?: string;
}

const CONTENDERS: readonly Contender[] = [
  { name: "this checkout" },
  ...(flags.before === "" ? [] : [{ name: "the other checkout", project: flags.before }]),
];
/** Relative to the delay. */
const P99_GOAL = 3;

requireTool("wrk", "-v");
requireTool("strace", "-V");
using folder = scratchFolder();
const machine = describeMachine(folder.path);
const rows: string[][] = [];
for (const connections of flags.connections.split(",").map(Number))
  rows.push(...(await compare(connections)));
process.stdout.write(
  `${[
    `${machine}; each fsync ${flags.delayMs} ms longer, ${flags.rounds} rounds of ${flags.seconds} s after ${flags.warmupSeconds} s of warming up`,
    "",
    table([
      ["connections", "", "messages/s, median", "each round", "p99 ms, median", "each round"],
      ...rows,
    ]),
    "",
    `Goal: p99 ≤ ${P99_GOAL * flags.delayMs} ms.`,
  ].join("\n")}\n`,
);

async function compare(connections: number): Promise<string[][]> {
  const messages = {
    warmup: join(folder.path, "warmup.txt"),
    measured: join(folder.path, "measured.txt"),
  };
  writeLoad(messages, "", flags);
  const rounds = new Map<Contender, IngestRound[]>(CONTENDERS.map((contender) => [contender, []]));
  for (let round = 1; round <= flags.rounds; round++) {
    for (const [at, contender] of CONTENDERS.entries()) {
      const path = join(folder.path, `${connections}-${round}-${at}.db`);
      rounds.get(contender)?.push(await measure(contender, path, connections, messages));
    }
  }
  return CONTENDERS.map((contender) => {
    const of = (figure: "messagesPerSecond" | "p99Ms") =>
      (rounds.get(contender) ?? []).map((one) => one[figure]);
    const columns = (["messagesPerSecond", "p99Ms"] as const).flatMap((figure) => [
      rounded(median(of(figure))),
      of(figure)
        .map((value) => rounded(value))
        .join(" · "),
    ]);
    return [String(connections), contender.name, ...columns];
  });
}

async function measure(
  { name, project }: Contender,
  databasePath: string,
  connections: number,
  messages: { readonly warmup: string; readonly measured: string },
): Promise<IngestRound> {
  const delay = `inject=fsync,fdatasync:delay_exit=${flags.delayMs * 1_000}`;
  const before = [
    "strace",
    "-D",
    "-f",
    "-qq",
    "-o",
    "/dev/null",
    "-e",
    "trace=fsync,fdatasync",
    "-e",
    delay,
  ];
  await using target = await startLyftr(sqliteUrl(databasePath), { before, project });
  return await ingestRound(name, target, { ...flags, connections, messages });
}

import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { median, rounded, table } from "./support/figures.ts";
import { sqliteUrl } from "./support/fill.ts";
import { readFlags } from "./support/flags.ts";
import { type IngestRound, ingestRound, writeLoad } from "./support/ingest-round.ts";
import { describeMachine, scratchFolder } from "./support/machine.ts";
import { scrape } from "./support/metrics.ts";
import { startLyftr } from "./support/target.ts";
import { requireTool } from "./support/wrk.ts";

// Measures the CPU cost of traces: the service without an endpoint for traces, compared with every
// hundredth message and every message traced, and with another checkout (--before FOLDER, built
// there), in alternating rounds.

const flags = readFlags({
  seconds: 8,
  warmupSeconds: 6,
  rounds: 3,
  connections: 64,
  messagesPerSecondMax: 50_000,
  before: "",
});

interface Contender {
  readonly name: string;
  readonly env: Readonly<Record<string, string>>;
  readonly project?: string;
}

interface Round extends IngestRound {
  readonly spansSent: number;
  readonly spansDropped: number;
}

requireTool("wrk", "-v");
// Accepts everything and reads nothing. It runs in another process, whose time is not counted.
const collector = createServer((request, response) => {
  request.resume().on("end", () => response.end());
}).listen(0, "127.0.0.1");
await once(collector, "listening");
const endpoint = {
  OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${(collector.address() as AddressInfo).port}`,
};
const hundredth = {
  OTEL_TRACES_SAMPLER: "parentbased_traceidratio",
  OTEL_TRACES_SAMPLER_ARG: "0.01",
};
const OFF: Contender = { name: "no endpoint", env: {} };
const contenders: readonly Contender[] = [
  ...(flags.before === "" ? [] : [{ name: "the other checkout", env: {}, project: flags.before }]),
  OFF,
  { name: "every hundredth message", env: { ...endpoint, ...hundredth } },
  { name: "every message", env: endpoint },
];
using folder = scratchFolder();
const machine = describeMachine(folder.path);
const messages = {
  warmup: join(folder.path, "warmup.txt"),
  measured: join(folder.path, "measured.txt"),
};
writeLoad(messages, "", flags);
const rounds = new Map<Contender, Round[]>(contenders.map((contender) => [contender, []]));
for (let number = 1; number <= flags.rounds; number++) {
  for (const [at, contender] of contenders.entries()) {
    const round = await measure(contender, join(folder.path, `${number}-${at}.db`));
    rounds.get(contender)?.push(round);
    process.stderr.write(
      `round ${number}, ${contender.name}: ${rounded(round.cpuMicros, 1)} µs CPU a message\n`,
    );
  }
}
collector.closeAllConnections();
collector.close();
process.stdout.write(`${report()}\n`);

async function measure({ name, env, project }: Contender, databasePath: string): Promise<Round> {
  await using target = await startLyftr(sqliteUrl(databasePath), { env, project });
  const round = await ingestRound(name, target, { ...flags, messages });
  const samples = await scrape(target.url);
  const spans = (result: string) => samples(`trace_spans_total{result="${result}"}`);
  if (spans("failed") > 0) throw new Error(`${name}: ${spans("failed")} spans were not taken`);
  if (name !== "every message" && spans("sent") + spans("dropped") > round.accepted)
    throw new Error(`${name}: more spans than expected`);
  return { ...round, spansSent: spans("sent"), spansDropped: spans("dropped") };
}

function report(): string {
  const of = (contender: Contender, figure: keyof Round) =>
    (rounds.get(contender) ?? []).map((round) => round[figure]);
  const off = median(of(OFF, "cpuMicros"));
  const rows = contenders.map((contender) => [
    contender.name,
    rounded(median(of(contender, "cpuMicros")), 1),
    of(contender, "cpuMicros")
      .map((value) => rounded(value, 1))
      .join(" · "),
    rounded(median(of(contender, "cpuMicros")) / off, 2),
    rounded(median(of(contender, "messagesPerSecond"))),
    rounded(median(of(contender, "p99Ms")), 1),
    spansTold(of(contender, "spansSent"), of(contender, "spansDropped")),
  ]);
  const head = [
    "CPU µs/message, median",
    "each round",
    "÷ no endpoint",
    "messages/s, median",
    "p99 ms at full load",
  ];
  return [
    `${machine}; ${flags.connections} connections, ${flags.rounds} rounds of ${flags.seconds} s after ${flags.warmupSeconds} s of warming up`,
    "",
    table([["", ...head, "spans dropped"], ...rows]),
  ].join("\n");
}

function spansTold(sent: readonly number[], dropped: readonly number[]): string {
  const sum = (values: readonly number[]) => values.reduce((all, value) => all + value, 0);
  const all = sum(sent) + sum(dropped);
  return all === 0 ? "–" : `${rounded((100 * sum(dropped)) / all)} %`;
}

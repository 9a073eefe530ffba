import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { readFlags } from "./support/flags.ts";

// Runs every benchmark, one after the other, and prints Markdown sections. With --quick it only
// checks that they run and that their assertions hold: the figures mean nothing. --only
// ingest.ts,reads.ts runs only these.

const flags = readFlags({ quick: false, only: "" });

interface Benchmark {
  readonly file: string;
  readonly title: string;
  readonly quick: string;
}

const QUICK_LOAD = "--seconds 1 --connections 16 --messages-per-second-max 40000";
const BENCHMARKS: readonly Benchmark[] = [
  { file: "ingest.ts", title: "Ingest", quick: `${QUICK_LOAD} --warmup-seconds 1 --rounds 1` },
  { file: "latency.ts", title: "Latency", quick: `${QUICK_LOAD} --warmup-seconds 1 --rate 100` },
  { file: "fsyncs.ts", title: "Fsyncs", quick: `${QUICK_LOAD} --ordered-seconds 1` },
  {
    file: "slow-disk.ts",
    title: "Slow disk",
    quick: "--seconds 1 --warmup-seconds 1 --rounds 1 --connections 16 --delay-ms 20",
  },
  {
    file: "lock.ts",
    title: "Busy database",
    quick:
      "--seconds 1 --warmup-seconds 0 --lock-seconds 0.3 --rows 10000 --rate 100 --probes-per-second 100",
  },
  { file: "load.ts", title: "Load", quick: "--rows 20000" },
  {
    file: "reads.ts",
    title: "Reads",
    quick:
      "--rows 2000,2500 --scan-rows-max 2000 --requests 5 --ingest-rate 200 --seed-requests 0 --cold 0",
  },
  {
    file: "cache.ts",
    title: "Cache",
    quick: "--rows 2000 --rounds 1 --seconds 1 --connections 4 --ingest-rate 100 --engines sqlite",
  },
  {
    file: "dashboard.ts",
    title: "Dashboard",
    quick:
      "--rows 2000 --requests 5 --tab-seconds 1 --tab-rounds 1 --rates 0,50 --tabs 3 --seconds 1 --warmup-seconds 0 --rounds 1 --connections 4",
  },
  {
    file: "dashboard-browser.ts",
    title: "Dashboard in a browser",
    quick:
      "--rows 1000 --rounds 1 --listed-rows 100 --presses 2 --searches 2 --scroll-rows 300 --rate 50 --live-minutes 0.02 --sample-seconds 0.5",
  },
  {
    file: "limits.ts",
    title: "Limits",
    quick: `${QUICK_LOAD} --warmup-seconds 0 --rounds 1 --redis-seconds 1 --redis-rounds 1 --rate 100`,
  },
  { file: "traces.ts", title: "Traces", quick: `${QUICK_LOAD} --warmup-seconds 0 --rounds 1` },
  {
    file: "retention.ts",
    title: "Retention",
    quick: "--rows 3000 --rounds 1 --seconds 1 --rate 50 --connections 4",
  },
  {
    file: "client.ts",
    title: "The client",
    quick: "--messages 3000 --kills 2 --rounds 1 --requests 300",
  },
  {
    file: "overload.ts",
    title: "Overload",
    quick: "--seconds 1 --warmup-seconds 1 --capacity 200 --times 1,2 --connections 50",
  },
  {
    file: "slow-clients.ts",
    title: "Slow clients",
    quick: "--seconds 1 --warmup-seconds 1 --sockets 50 --rate 50 --patience-seconds 10",
  },
  { file: "postgres.ts", title: "PostgreSQL", quick: "--quick" },
];

execFileSync(process.execPath, [fileURLToPath(new URL("../scripts/build.ts", import.meta.url))], {
  stdio: "inherit",
});
const env = { ...process.env, BENCH_BUILT: "1", BENCH_QUICK: flags.quick ? "1" : "" };
const failed: string[] = [];
for (const { file, title, quick } of BENCHMARKS) {
  if (flags.only !== "" && !flags.only.split(",").includes(file)) continue;
  process.stdout.write(`## ${title}\n\n`);
  const script = fileURLToPath(new URL(file, import.meta.url));
  const child = spawn(process.execPath, [script, ...(flags.quick ? quick.split(" ") : [])], {
    stdio: "inherit",
    env,
  });
  const [code] = await once(child, "close");
  if (code !== 0) failed.push(file);
  process.stdout.write("\n");
}
if (failed.length > 0) {
  process.stderr.write(`FAILED: ${failed.join(", ")}\n`);
  process.exitCode = 1;
}

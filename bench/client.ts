import { clientKills } from "./support/client-kills.ts";
import { clientOverhead } from "./support/client-overhead.ts";
import { median, rounded, table } from "./support/figures.ts";
import { readFlags } from "./support/flags.ts";
import { describeMachine, scratchFolder } from "./support/machine.ts";

// Measures the client: its cost compared with a bare fetch(), and a million messages while the
// service is killed and restarted. The arrived messages are looked up one by one in the database
// file.

const flags = readFlags({
  messages: 1_000_000,
  kills: 20,
  concurrency: 64,
  rounds: 5,
  requests: 10_000,
  lanes: 16,
});
const OVERHEAD_GOAL = 0.2;
const MEMORY_SAMPLES_MIN = 10;

using folder = scratchFolder();
process.stdout.write(`${describeMachine(folder.path)}\n\n`);

if (flags.rounds > 0) {
  const { bare, client } = await clientOverhead(flags);
  const row = (name: string, times: readonly number[], cpu: readonly number[]) => [
    name,
    rounded(median(times), 1),
    times.map((one) => rounded(one, 1)).join(" · "),
    rounded(median(cpu), 1),
    cpu.map((one) => rounded(one, 1)).join(" · "),
  ];
  const over = (of: "micros" | "cpuMicros") => median(client[of]) / median(bare[of]) - 1;
  const verdict = over("micros") <= OVERHEAD_GOAL ? "met" : "missed";
  const head = ["µs/message, median", "each round", "CPU µs/message, median", "each round"];
  const rows = [
    row("bare fetch", bare.micros, bare.cpuMicros),
    row("client", client.micros, client.cpuMicros),
  ];
  process.stdout.write(
    `${table([["", ...head], ...rows])}\n\n` +
      `- overhead of the client: ${rounded(100 * over("micros"), 1)} % of the time (goal ≤ 20 %: ${verdict}), ` +
      `${rounded(100 * over("cpuMicros"), 1)} % of its process's CPU\n\n`,
  );
}

if (flags.messages > 0) {
  const { seconds, attempts, kills, memory } = await clientKills(folder.path, flags);
  const fifth = Math.floor(memory.length / 5);
  const mib = (samples: readonly number[]) => rounded(Math.max(...samples) / 1_048_576);
  const told =
    memory.length < MEMORY_SAMPLES_MIN
      ? "too short to tell"
      : `${mib(memory.slice(0, fifth))} MiB at most in the first fifth, ${mib(memory.slice(-fifth))} MiB in the last`;
  process.stdout.write(
    [
      `- ${rounded(flags.messages)} messages through ${kills} kills in ${rounded(seconds)} s ` +
        `(${rounded(flags.messages / seconds)}/s): 0 lost, 0 twice, 0 failed; ${rounded(attempts - flags.messages)} attempts were repeated`,
      `- memory of the sending process: ${told}`,
      "",
    ].join("\n"),
  );
}

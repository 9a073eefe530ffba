import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Fault, RoundContext, RoundResult } from "../fault.ts";

// Simulations: one process runs thousands of histories of one module. Its clock, its store and the
// order of events are simulated, so every history can be repeated from its seed.

const RUN = fileURLToPath(new URL("./run.ts", import.meta.url));
/** For a machine that is busy with other work; usually a round takes less than half a minute. */
const ROUND_MS_MAX = 1_200_000;
const execute = promisify(execFile);

interface SimulatedModule extends Pick<Fault, "name" | "what" | "expected" | "controls"> {
  /** The histories of one round. */
  readonly histories: { readonly short: number; readonly long: number };
  /** The rounds of `--long`. */
  readonly roundsLong: number;
}

const MODULES: readonly SimulatedModule[] = [
  {
    name: "group-commit",
    what: "arrivals, answers of the store, failures, turns of the event loop and a stop, in any order",
    expected:
      "each insert is answered once, after its transaction and with its own outcome; order and " +
      "queue limits hold; a stop answers all",
    histories: { short: 2_000, long: 20_000 },
    roundsLong: 15,
    controls: [
      "answer-before-commit",
      "tail-lost-at-stop",
      "queue-one-too-long",
      "outcome-of-another-message",
    ],
  },
  {
    name: "rate-limit",
    what: "requests of two processes, alone or with a Redis that is late, fails, forgets and jumps",
    expected:
      "in every window at most the burst and the rate, in one process and together; " +
      "no request below the limit is refused",
    histories: { short: 5_000, long: 50_000 },
    roundsLong: 16,
    controls: ["one-token-too-many", "one-token-too-few", "own-tokens-forgotten"],
  },
  {
    name: "retention",
    what: "two sweepers of one database with failures, long steps, restarts and clocks that jump",
    expected:
      "nothing younger than the limit is deleted, and nothing by a clock that jumped; " +
      "with pauses, by one process, and completely within hours",
    histories: { short: 500, long: 5_000 },
    roundsLong: 20,
    controls: [
      "cutoff-too-late",
      "clock-checked-only-once",
      "sweep-without-pause",
      "sweep-without-lease",
      "cutoff-in-local-time",
    ],
  },
  {
    name: "admission",
    what: "messages, reads and probes while the event loop and the queue are late, or the service rests",
    expected:
      "load is shed only after a burst, always then, never all of it, and never in a calm service; " +
      "each request is answered once and in time",
    histories: { short: 1_000, long: 10_000 },
    roundsLong: 20,
    controls: [
      "sheds-during-a-burst",
      "never-sheds",
      "sheds-for-ever",
      "refusal-forgotten",
      "ticks-stay-stopped",
    ],
  },
  {
    name: "secrets",
    what: "two replicas with clocks that differ reload secrets that an operator adds and retires",
    expected:
      "a valid secret is accepted and a retired one refused by every replica within 2 s, " +
      "and by the last known state while the database is unavailable; no use is lost",
    histories: { short: 500, long: 5_000 },
    roundsLong: 20,
    controls: [
      "retired-secret-accepted",
      "end-checked-at-reload-only",
      "secrets-lost-in-an-outage",
      "secrets-reloaded-too-late",
      "uses-lost-at-a-stop",
      "recorded-too-rarely",
    ],
  },
  {
    name: "alerts",
    what: "two replicas break, restart and are killed, while clocks, the database and targets fail",
    expected:
      "one fault is one page and one end, within 90 s; a restart tells nothing twice; " +
      "every incident ends when all is well",
    histories: { short: 150, long: 1_000 },
    roundsLong: 20,
    controls: [
      "every-replica-pages",
      "restart-forgets-pages",
      "restart-ends-an-alert",
      "end-told-too-late",
    ],
  },
];

export const SIMULATIONS: readonly Fault[] = MODULES.map((module) => ({
  name: `simulated-${module.name}`,
  what: module.what,
  expected: module.expected,
  databases: ["none"],
  rounds: { short: 1, long: module.roundsLong },
  controls: module.controls,
  run: (context) => simulated(module, context),
}));

async function simulated(
  { name, histories }: SimulatedModule,
  { random, env, isShort }: RoundContext,
): Promise<RoundResult> {
  const isControl = env.CAMPAIGN_REPLACEMENTS !== undefined;
  const count = isShort || isControl ? histories.short : histories.long;
  const { stdout } = await execute(
    process.execPath,
    [RUN, name, String(random.seed()), String(count)],
    { env: { ...process.env, ...env }, timeout: ROUND_MS_MAX },
  );
  const { counts, broken, seconds } = JSON.parse(stdout);
  return { counts: { ...counts, simulationSeconds: Math.round(seconds) }, broken };
}

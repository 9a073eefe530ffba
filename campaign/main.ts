import { execFileSync } from "node:child_process";
import { availableParallelism, cpus, release } from "node:os";
import { keepFolder, removeFolder, temporaryFolder } from "../test/support/temporary-folder.ts";
import { brokenBuild, CONTROLS } from "./controls.ts";
import type { DatabaseKind, Fault, RoundResult } from "./fault.ts";
import { FAULTS } from "./faults.ts";
import { readFlags } from "./flags.ts";
import { PUBLISHED, Results, type StoredRound } from "./results.ts";
import { endEverythingAtExit } from "./support/interruption.ts";
import { Random } from "./support/random.ts";

// `npm run campaign`: breaks the service on purpose, and checks that it keeps its promises.

const MS_PER_MINUTE = 60_000;
const AT_A_TIME_SHORT = 3;
/** Whether a control is noticed in a round depends on the moment of the fault. */
const CONTROL_ROUNDS = 3;
/** The time zones of the service. Rounds take turns, because no promise depends on the zone. */
const ZONES = ["Asia/Kolkata", "America/St_Johns", "Pacific/Chatham", "UTC"];

interface Job {
  readonly fault: Fault;
  readonly database: DatabaseKind;
  readonly control: string | null;
  readonly seed: number;
  readonly isShort: boolean;
}

const flags = readFlags();
const results = new Results(flags.results ?? (flags.long ? PUBLISHED : undefined));
/** With a plus sign if any other file than the results has changed. */
const commit =
  git("rev-parse", "--short=12", "HEAD") +
  (git("status", "--porcelain", "--", ".", ":!campaign/results.ndjson") ? "+" : "");
const machine = `${availableParallelism()} cores (${cpus()[0]?.model ?? "unknown"}), Linux ${release()}, Node ${process.versions.node}`;
endEverythingAtExit();
// A round that failed may have left connections or timers, which would keep the process.
process.exit(await main());

async function main(): Promise<number> {
  if (flags.list) return list();
  if (flags.short) return campaign(shortJobs());
  if (flags.long) return campaign(longJobs());
  return campaign(jobsOf(flags.fault as Fault));
}

function list(): number {
  for (const { name, what, expected, databases, rounds, controls } of FAULTS)
    process.stdout.write(
      `${name}\n  ${what}\n  Expected: ${expected}\n` +
        `  On ${databases.join(", ")}; rounds: ${rounds.short} short, ${rounds.long} long; controls: ${controls.join(", ") || "none"}\n`,
    );
  process.stdout.write("\nControls\n");
  for (const [name, { what }] of Object.entries(CONTROLS))
    process.stdout.write(`${name}\n  ${what}\n`);
  return 0;
}

/** The jobs of `--fault`. */
function jobsOf(fault: Fault): readonly Job[] {
  const databases = fault.databases.filter(isWanted);
  const rounds =
    flags.rounds ?? (flags.control === undefined ? 1 : (fault.controlRounds ?? CONTROL_ROUNDS));
  const first = flags.seed ?? Date.now() % 1_000_000_000;
  return databases.flatMap((database) =>
    Array.from({ length: rounds }, (_, round) => ({
      fault,
      database,
      control: flags.control ?? null,
      seed: first + round,
      isShort: false,
    })),
  );
}

function isWanted(database: DatabaseKind): boolean {
  return flags.database === undefined || flags.database === database;
}

/** The jobs of `--short`: each fault with its first seeds, then with each control. */
function shortJobs(): readonly Job[] {
  return eachFault().flatMap(({ fault, database }) => [
    ...seedsBelow(fault.rounds.short).map((seed) => job(fault, database, null, seed, true)),
    ...fault.controls.flatMap((control) =>
      seedsBelow(fault.controlRounds ?? CONTROL_ROUNDS).map((seed) =>
        job(fault, database, control, seed, true),
      ),
    ),
  ]);
}

/**
 * The controls that no stored round has noticed, then the rounds that are missing until each fault
 * has those of `--long`. The faults take turns.
 */
function longJobs(): readonly Job[] {
  const done = results.all();
  const controls = eachFault().flatMap(({ fault, database }) =>
    fault.controls
      .filter((control) => !done.some((round) => isNotice(round, fault, database, control)))
      .flatMap((control) =>
        seedsBelow(fault.controlRounds ?? CONTROL_ROUNDS).map((seed) =>
          job(fault, database, control, seed, true),
        ),
      ),
  );
  const jobs = eachFault().map(({ fault, database }) => {
    const ours = done.filter((round) => round.fault === fault.name && round.control === null);
    const seeds = new Set(
      ours.filter((round) => round.database === database).map(({ seed }) => seed),
    );
    return seedsBelow(fault.rounds.long)
      .filter((seed) => !seeds.has(seed))
      .map((seed) => job(fault, database, null, seed, false));
  });
  const turns = Math.max(0, ...jobs.map(({ length }) => length));
  return [
    ...controls,
    ...seedsBelow(turns).flatMap((turn) => jobs.flatMap((those) => those.slice(turn, turn + 1))),
  ];
}

function eachFault(): readonly Pick<Job, "fault" | "database">[] {
  return FAULTS.flatMap((fault) => fault.databases.map((database) => ({ fault, database })));
}

function seedsBelow(end: number): readonly number[] {
  return Array.from({ length: end }, (_, seed) => seed);
}

function job(
  fault: Fault,
  database: DatabaseKind,
  control: string | null,
  seed: number,
  isShort: boolean,
): Job {
  return { fault, database, control, seed, isShort };
}

function isNotice(
  round: StoredRound,
  fault: Fault,
  database: DatabaseKind,
  control: string,
): boolean {
  return (
    round.fault === fault.name &&
    round.database === database &&
    round.control === control &&
    round.broken.length > 0
  );
}

/** Runs the jobs. Resolves with 1 if a promise was broken, or if a control was not noticed. */
async function campaign(jobs: readonly Job[]): Promise<number> {
  const endMs = flags.minutes === undefined ? Infinity : flags.minutes * MS_PER_MINUTE;
  const failures: string[] = [];
  const waiting = groupsOf(jobs);
  const runner = async () => {
    for (let group = waiting.shift(); group !== undefined; group = waiting.shift()) {
      // By this clock the process started at 0.
      if (performance.now() > endMs) return;
      failures.push(...(await runGroup(group)));
    }
  };
  // Most faults wait more than they compute.
  await Promise.all(Array.from({ length: flags.short ? AT_A_TIME_SHORT : 1 }, runner));
  if (performance.now() > endMs)
    process.stdout.write("The time is over. The same command continues the campaign.\n");
  process.stdout.write(
    failures.length === 0 ? "\nEvery promise held.\n" : `\nFailed:\n${failures.join("\n")}\n`,
  );
  return failures.length === 0 ? 0 : 1;
}

/** The rounds of a control together, because the first that is noticed ends them. */
function groupsOf(jobs: readonly Job[]): (readonly Job[])[] {
  const groups = Map.groupBy(jobs, (job) => (job.control === null ? job : nameOf(job)));
  return [...groups.values()];
}

/** Runs a round, or the rounds of a control until one is noticed. Returns what failed. */
async function runGroup(jobs: readonly Job[]): Promise<readonly string[]> {
  for (const job of jobs) {
    const name = nameOf(job);
    const round = await runJob(job);
    results.add(round);
    describe(name, round);
    if (job.control === null) return hasHeld(round) ? [] : [`${name}, seed ${job.seed}`];
    if (round.broken.length > 0) return [];
  }
  return jobs.slice(0, 1).map((job) => `${nameOf(job)}: the check did not notice it`);
}

function nameOf({ fault, database, control }: Job): string {
  return `${fault.name} on ${database}${control === null ? "" : `, built wrong: ${control}`}`;
}

async function runJob({ fault, database, control, seed, isShort }: Job): Promise<StoredRound> {
  const folder = temporaryFolder(`campaign-${fault.name}`);
  const startMs = performance.now();
  const zone = { TZ: ZONES[seed % ZONES.length] as string };
  const env = control === null ? zone : { ...zone, ...brokenBuild(control) };
  const context = { seed, random: new Random(seed), database, folder, env, isShort };
  const found = await fault.run(context).catch(failedRound);
  const seconds = Math.round((performance.now() - startMs) / 100) / 10;
  // The files of a failed round are kept for a look.
  if (control !== null || hasHeld(found)) {
    removeFolder(folder);
  } else {
    keepFolder(folder);
    process.stderr.write(`Its files are in ${folder}\n`);
  }
  return {
    fault: fault.name,
    database,
    control,
    seed,
    ...found,
    seconds,
    commit,
    machine,
    at: new Date().toISOString(),
  };
}

function failedRound(error: unknown): RoundResult {
  const text = error instanceof Error ? (error.stack ?? "") : String(error);
  // A service that does not start has broken its promise, whatever the round was about.
  if (text.includes("lyftr ended without that line")) return { counts: {}, broken: [text] };
  return { counts: {}, broken: [], error: text };
}

function hasHeld({ broken, error }: RoundResult): boolean {
  return broken.length === 0 && error === undefined;
}

function describe(
  name: string,
  { seed, seconds, counts, broken, control, error }: StoredRound,
): void {
  const outcome =
    error !== undefined
      ? "ERROR"
      : broken.length === 0
        ? "held"
        : control === null
          ? "BROKEN"
          : "noticed";
  const figures = Object.entries(counts).map(([what, count]) => `${what} ${count}`);
  // That a control is noticed is enough. A broken promise is told whole.
  const told = control === null ? broken : broken.slice(0, 1).map((text) => text.slice(0, 100));
  process.stdout.write(
    `${outcome}  ${name}, seed ${seed}, ${seconds} s: ${figures.join(", ")}\n` +
      [...told, ...(error === undefined ? [] : [error])]
        .map((text) => `        ${text}\n`)
        .join(""),
  );
}

function git(...args: readonly string[]): string {
  return execFileSync("git", args, { encoding: "utf8" }).trim();
}

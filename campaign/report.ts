import type { DatabaseKind, Fault } from "./fault.ts";
import { GOALS, reached } from "./goals.ts";
import { addCounts, type StoredRound } from "./results.ts";

// The tables of docs/reliability.md, made from the stored rounds of the long campaign.

/** Counts that every fault has, and that must be 0. They are written as one. */
const ZEROS = ["lost", "duplicated", "unexpected", "phantom", "corrupted"];

/** A row for each goal, and the faults whose rounds count. */
export function goalsTable(rounds: readonly StoredRound[]): string {
  const rows = GOALS.map((goal) => [
    goal.figure,
    number(goal.atLeast),
    number(reached(goal, rounds)),
    some(goal.faults),
  ]);
  return table(["figure", "goal", "reached", "faults"], rows);
}

/** A row for each fault: what happens, and what the service promises. */
export function faultsTable(faults: readonly Fault[]): string {
  const rows = faults.map(({ name, what, expected }) => [`\`${name}\``, what, expected]);
  return table(["fault", "what happens", "promise"], rows);
}

/** A row for each fault and database: what was done and seen. */
export function resultsTable(faults: readonly Fault[], rounds: readonly StoredRound[]): string {
  const rows = faults.flatMap((fault) =>
    fault.databases.map((database) => {
      const plain = plainRounds(rounds, fault, database);
      const seeds = plain.map(({ seed }) => seed);
      return [
        `\`${fault.name}\``,
        database,
        broken(plain),
        figures(plain),
        seeds.length === 0 ? "" : `${Math.min(...seeds)} to ${Math.max(...seeds)}`,
        distinct(plain.map(({ commit }) => commit)),
      ];
    }),
  );
  return table(["fault", "database", "rounds", "figures", "seeds", "commits"], rows);
}

/** A list of the machines of the rounds. */
export function machinesOf(rounds: readonly StoredRound[]): string {
  const machines = new Set(rounds.map(({ machine }) => machine));
  return ["Machines:\n", ...[...machines].map((machine) => `- ${machine}`)].join("\n");
}

/** A row for each control: how often the check of its fault noticed it. */
export function controlsTable(
  faults: readonly Fault[],
  rounds: readonly StoredRound[],
  what: (control: string) => string,
): string {
  const rows = faults.flatMap((fault) =>
    fault.controls.map((control) => {
      const runs = rounds.filter(
        (round) => round.fault === fault.name && round.control === control,
      );
      const noticed = runs.filter((round) => round.broken.length > 0).length;
      return [`\`${fault.name}\``, what(control), `${noticed} of ${runs.length} rounds`];
    }),
  );
  return table(["fault", "the service was built wrong", "noticed"], rows);
}

function plainRounds(
  rounds: readonly StoredRound[],
  fault: Fault,
  database?: DatabaseKind,
): readonly StoredRound[] {
  return rounds.filter(
    (round) =>
      round.fault === fault.name &&
      round.control === null &&
      (database === undefined || round.database === database),
  );
}

function broken(rounds: readonly StoredRound[]): string {
  if (rounds.length === 0) return "none yet";
  const failed = rounds.filter(
    ({ broken, error }) => broken.length > 0 || error !== undefined,
  ).length;
  return failed === 0
    ? `${number(rounds.length)}, all held`
    : `${number(rounds.length)}, **${failed} broken**`;
}

/** The counts, except the zeros that every fault must have. */
function figures(rounds: readonly StoredRound[]): string {
  const counts = Object.entries(addCounts(rounds));
  const isZero = counts.every(([name, count]) => !ZEROS.includes(name) || count === 0);
  const shown = counts.filter(([name]) => !isZero || !ZEROS.includes(name));
  const zeros = isZero && counts.some(([name]) => ZEROS.includes(name)) ? ["lost 0"] : [];
  return [...shown.map(([name, count]) => `${name} ${number(count)}`), ...zeros].join(", ");
}

/** The first two names, and the number of the others. */
function some(names: readonly string[]): string {
  const [first, second, ...others] = names.map((name) => `\`${name}\``);
  const shown = [first, second].filter((name) => name !== undefined).join(", ");
  return others.length === 0 ? shown : `${shown} and ${others.length} others`;
}

function distinct(texts: readonly string[]): string {
  return [...new Set(texts)].join(", ");
}

function number(count: number): string {
  return count.toLocaleString("en");
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => "---"), ...rows]
    .map((cells) => `| ${cells.join(" | ")} |\n`)
    .join("");
}

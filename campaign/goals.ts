import type { StoredRound } from "./results.ts";

/** A figure that the rounds of the long campaign should reach together. */
export interface Goal {
  readonly figure: string;
  readonly atLeast: number;
  /** The faults whose rounds count. */
  readonly faults: readonly string[];
  /** The name of what is added up. */
  readonly count: string;
}

const KILLS = ["kill", "kill-on-postgres"];
const POWER_CUTS = [
  "power-cut",
  "power-cut-two-processes",
  "power-cut-import",
  "power-cut-retention",
  "power-cut-erasure",
  "power-cut-upgrade",
  "power-cut-backup",
  "power-cut-index",
];
const SIMULATIONS = [
  "simulated-group-commit",
  "simulated-rate-limit",
  "simulated-retention",
  "simulated-admission",
  "simulated-secrets",
  "simulated-alerts",
];

export const GOALS: readonly Goal[] = [
  { figure: "kills", atLeast: 1_000, faults: KILLS, count: "kills" },
  { figure: "messages acknowledged", atLeast: 1_000_000, faults: KILLS, count: "acked" },
  { figure: "power cuts", atLeast: 1_000, faults: POWER_CUTS, count: "cuts" },
  { figure: "messages acknowledged", atLeast: 200_000, faults: POWER_CUTS, count: "acked" },
  {
    figure: "forged signatures refused",
    atLeast: 10_000_000,
    faults: ["forged-signatures"],
    count: "refused",
  },
  {
    figure: "executions of parsers",
    atLeast: 20_000_000,
    faults: ["parser-fuzz"],
    count: "executions",
  },
  {
    figure: "requests of fuzzers",
    atLeast: 3_000_000,
    faults: ["socket-fuzz", "schema-fuzz"],
    count: "requests",
  },
  { figure: "simulated histories", atLeast: 1_000_000, faults: SIMULATIONS, count: "histories" },
];

/** What all stored rounds of its faults have reached; those of controls do not count. */
export function reached({ faults, count }: Goal, rounds: readonly StoredRound[]): number {
  return rounds
    .filter(({ fault, control }) => control === null && faults.includes(fault))
    .reduce((sum, { counts }) => sum + (counts[count] ?? 0), 0);
}

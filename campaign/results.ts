import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { DatabaseKind, RoundResult } from "./fault.ts";

/** The rounds of the long campaign. They are committed: docs/reliability.md is made from them. */
export const PUBLISHED = fileURLToPath(new URL("results.ndjson", import.meta.url));

/** One line of the file of results. */
export interface StoredRound extends RoundResult {
  readonly fault: string;
  readonly database: DatabaseKind;
  /** The way in which the service was built wrong, or null. */
  readonly control: string | null;
  readonly seed: number;
  readonly seconds: number;
  readonly commit: string;
  readonly machine: string;
  /** When the round ended. */
  readonly at: string;
}

/**
 * The results of a campaign, a line of JSON for each round. Lines are only appended, so a campaign
 * that is interrupted continues where it was.
 */
export class Results {
  readonly #path: string | undefined;

  /** Without a path nothing is kept. */
  constructor(path: string | undefined) {
    this.#path = path;
  }

  add(round: StoredRound): void {
    if (this.#path !== undefined) appendFileSync(this.#path, `${JSON.stringify(round)}\n`);
  }

  /** All complete lines. A line that was being written during a crash is left out. */
  all(): readonly StoredRound[] {
    if (this.#path === undefined || !existsSync(this.#path)) return [];
    const lines = readFileSync(this.#path, "utf8").split("\n");
    lines.pop();
    return lines.map((line) => JSON.parse(line));
  }
}

/** The sum of the counts of rounds; of names that end in `Max`, the greatest. */
export function addCounts(rounds: readonly RoundResult[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const { counts } of rounds) {
    for (const [name, count] of Object.entries(counts)) {
      const known = sums[name];
      if (known === undefined) sums[name] = count;
      else sums[name] = name.endsWith("Max") ? Math.max(known, count) : known + count;
    }
  }
  return sums;
}

import type { Random } from "../support/random.ts";

/** What happened in one history of a module, and which promises it broke. */
export interface History {
  readonly counts: Readonly<Record<string, number>>;
  readonly broken: readonly string[];
}

/**
 * Runs one module through one history. The random numbers decide everything that happens, and in
 * which order. So equal numbers give the same history.
 */
export type Simulation = (random: Random) => Promise<History>;

/** The broken promises of one history. Each is listed once. */
export class Promises {
  readonly #broken = new Set<string>();

  get broken(): readonly string[] {
    return [...this.#broken];
  }

  /** Notes a broken promise if the condition does not hold. */
  expect(holds: boolean, promise: string): void {
    if (!holds) this.#broken.add(promise);
  }
}

import type { Random } from "../../support/random.ts";
import type { BlockCoverage } from "./block-coverage.ts";
import { mutated } from "./mutations.ts";

/** A parser with what must hold for it. */
export interface Target {
  readonly name: string;
  readonly seeds: readonly (string | Buffer)[];
  /** Words of the format. */
  readonly dictionary: readonly string[];
  /** The share of all executions, 1 by default. */
  readonly share?: number;
  /**
   * Parses the input and checks the result. Returns the outcome in a few words; inputs with a new
   * outcome are kept. Throws when a promise is broken, and lets unexpected errors through.
   */
  readonly run: (input: Buffer) => string | Promise<string>;
}

export interface FuzzResult {
  readonly executions: number;
  /** Inputs that the fuzzer has kept, because each reached something new. */
  readonly corpus: number;
  readonly outcomes: number;
  readonly broken: readonly string[];
}

/** Reading the coverage takes a millisecond, so it is read once for this many inputs. */
const BATCH = 500;
const INPUT_MS_MAX = 50;
/** The machine is busy with other work, so a slow input is tried again. */
const SLOW_TRIES = 3;
const FAILURES_MAX = 5;
const STACK_LINES_MAX = 8;
const SHOWN_CHARACTERS_MAX = 400;

/**
 * Mutates inputs of a target. Those that reach new blocks or have a new outcome are kept, and are
 * mutated further.
 */
export class Fuzzer {
  readonly #target: Target;
  readonly #coverage: BlockCoverage;
  readonly #random: Random;
  readonly #corpus: Buffer[];
  readonly #outcomes = new Set<string>();
  readonly #broken = new Map<string, string>();
  #executions = 0;
  #failures = 0;

  constructor(target: Target, coverage: BlockCoverage, random: Random) {
    this.#target = target;
    this.#coverage = coverage;
    this.#random = random;
    this.#corpus = target.seeds.map((seed) => Buffer.from(seed as string));
  }

  async fuzz(executions: number, progress: () => void): Promise<FuzzResult> {
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    for (const seed of [...this.#corpus]) await this.#execute(seed);
    await this.#coverage.hasNew();
    while (this.#executions < executions && this.#failures < FAILURES_MAX) {
      progress();
      await this.#tryAll(Array.from({ length: BATCH }, () => this.#next()));
    }
    Error.stackTraceLimit = stackTraceLimit;
    return {
      executions: this.#executions,
      corpus: this.#corpus.length,
      outcomes: this.#outcomes.size,
      broken: [...this.#broken.values()],
    };
  }

  #next(): Buffer {
    const { dictionary } = this.#target;
    const other = () => this.#random.of(this.#corpus);
    // The inputs that were kept last are the most promising.
    const recent = this.#corpus.slice(-8);
    const input = this.#random.of(this.#random.chance(0.3) ? recent : this.#corpus);
    return mutated(input, { random: this.#random, dictionary, other });
  }

  /**
   * Runs the inputs, and keeps each that reaches new blocks. V8 counts for all of them together, so
   * halves are tried again until single inputs are left.
   */
  async #tryAll(inputs: readonly Buffer[]): Promise<void> {
    const before = this.#coverage.state;
    for (const input of inputs) {
      if (this.#failures >= FAILURES_MAX) return;
      await this.#execute(input);
    }
    if (!(await this.#coverage.hasNew())) return;
    if (inputs.length === 1) {
      this.#corpus.push(...inputs);
      return;
    }
    this.#coverage.restore(before);
    const half = Math.ceil(inputs.length / 2);
    await this.#tryAll(inputs.slice(0, half));
    await this.#tryAll(inputs.slice(half));
  }

  async #execute(input: Buffer): Promise<void> {
    this.#executions++;
    const startMs = performance.now();
    try {
      const result = this.#target.run(input);
      const outcome = typeof result === "string" ? result : await result;
      if (!this.#outcomes.has(outcome)) {
        this.#outcomes.add(outcome);
        this.#corpus.push(input);
      }
    } catch (error) {
      this.#report(input, await this.#explained(input, error));
    }
    if (performance.now() - startMs > INPUT_MS_MAX) await this.#checkSlow(input);
  }

  /** Runs the input once more for the lines of code, which cost too much for every input. */
  async #explained(input: Buffer, error: unknown): Promise<string> {
    const before = Error.stackTraceLimit;
    Error.stackTraceLimit = STACK_LINES_MAX;
    try {
      await this.#target.run(input);
      return `${error}, but not when it is tried again`;
    } catch (again) {
      return again instanceof Error ? (again.stack ?? again.message) : String(again);
    } finally {
      Error.stackTraceLimit = before;
    }
  }

  async #checkSlow(input: Buffer): Promise<void> {
    let fastestMs = Number.POSITIVE_INFINITY;
    for (let tries = 0; tries < SLOW_TRIES; tries++) {
      const startMs = performance.now();
      await this.#outcomeOf(input);
      fastestMs = Math.min(fastestMs, performance.now() - startMs);
    }
    if (fastestMs > INPUT_MS_MAX) this.#report(input, `it takes ${fastestMs} ms`);
  }

  async #outcomeOf(input: Buffer): Promise<void> {
    try {
      await this.#target.run(input);
    } catch {
      // It has been reported.
    }
  }

  #report(input: Buffer, what: string): void {
    this.#failures++;
    const lines = what.split("\n");
    const kind = lines
      .slice(0, 2)
      .join("\n")
      .replace(/[0-9]+/g, "#");
    const shown = JSON.stringify(input.toString("latin1")).slice(0, SHOWN_CHARACTERS_MAX);
    const where = lines
      .filter((line) => line.trim() !== "")
      .join(" | ")
      .slice(0, SHOWN_CHARACTERS_MAX);
    if (!this.#broken.has(kind))
      this.#broken.set(kind, `${this.#target.name}: ${where} for ${shown}`);
  }
}

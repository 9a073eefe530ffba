import type { Random } from "./support/random.ts";

/** The databases that a fault can be tried on. `none` is for code that needs no database. */
export type DatabaseKind = "sqlite" | "postgres" | "none";

/** What a round is made from. */
export interface RoundContext {
  /** The same seed makes the same choices. Times of real processes differ all the same. */
  readonly seed: number;
  readonly random: Random;
  readonly database: DatabaseKind;
  /** An empty folder on a disk, removed after the round. */
  readonly folder: string;
  /**
   * The environment of every process of the service: the time zone of the round, and the control
   * that breaks the service. So each process must get it.
   */
  readonly env: Readonly<Record<string, string>>;
  /** Whether this is the bounded campaign of `--short`. */
  readonly isShort: boolean;
}

/** What a round found. */
export interface RoundResult {
  /** What was done and seen. Runs of one fault add them up, except names that end in `Max`. */
  readonly counts: Readonly<Record<string, number>>;
  /** Each broken promise, in words. An empty list is a passed round. */
  readonly broken: readonly string[];
  /** Why the round could not be carried out. With a control, such a round proves nothing. */
  readonly error?: string;
}

/** One fault, in one file of `faults/`. */
export interface Fault {
  /** For the command line, for example `power-cut`. */
  readonly name: string;
  /** What happens to the service, in one sentence. */
  readonly what: string;
  /** What the service promises for it. */
  readonly expected: string;
  readonly databases: readonly DatabaseKind[];
  /** The rounds of `--short` and of `--long`, on each database. */
  readonly rounds: { readonly short: number; readonly long: number };
  /**
   * The names of ways to break the service, see controls.ts. With each of them the fault must find
   * a broken promise. Otherwise a clean result means nothing.
   */
  readonly controls: readonly string[];
  /** How many rounds a control may take to be noticed; 3 unless it says otherwise. */
  readonly controlRounds?: number;
  run(context: RoundContext): Promise<RoundResult>;
}

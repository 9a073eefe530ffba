import type { RuleEvaluation } from "./rules.ts";

/** Longer than a restart of the service or of its database. A restart is not an alert. */
export const FIRES_AFTER_MS = 40_000;
/** A short pause between two failures does not end an alert. */
export const ENDS_AFTER_MS = 40_000;
/**
 * Two evaluations further apart than this say nothing about the time between them: the machine
 * slept or was busy.
 */
const EVALUATIONS_APART_MS_MAX = 20_000;

/** A firing alert. */
export interface Firing {
  readonly summary: string;
  /** When it began, by the wall clock. */
  readonly sinceMs: number;
}

/** One moment, as both clocks show it. */
export interface Moment {
  readonly nowMs: number;
  readonly monotonicMs: number;
}

/**
 * The state of one rule in one process. The rule fires after enough time of bad evaluations without
 * a break, and ends after enough time of good ones.
 */
export class Hysteresis {
  #firing: Firing | undefined;
  /** When the evaluations began to contradict the present state. */
  #turning: Moment | undefined;
  #updatedMs = Number.NEGATIVE_INFINITY;
  /** The alert is that of an earlier process, and this one has seen nothing bad yet. */
  #isInherited = false;

  get firing(): Firing | undefined {
    return this.#firing;
  }

  /** Whether the rule does not fire and is not about to. */
  get isCalm(): boolean {
    return this.#firing === undefined && this.#turning === undefined;
  }

  /** Continues an alert of an earlier process until the rule has been good for long enough. */
  inherit(firing: Firing): void {
    this.#isInherited = this.#firing === undefined;
    this.#firing ??= firing;
    this.#turning = undefined;
  }

  /** The alert that {@link inherit} continued is over for all other processes. */
  endInherited(): void {
    if (!this.#isInherited) return;
    this.#isInherited = false;
    this.#firing = undefined;
    this.#turning = undefined;
  }

  update(evaluation: RuleEvaluation, at: Moment): void {
    if (at.monotonicMs - this.#updatedMs > EVALUATIONS_APART_MS_MAX) this.#turning = undefined;
    this.#updatedMs = at.monotonicMs;
    const { kind } = evaluation;
    if (kind === "bad") this.#isInherited = false;
    if (this.#firing !== undefined && kind === "bad")
      this.#firing = { ...this.#firing, summary: evaluation.summary };
    if (kind !== (this.#firing === undefined ? "bad" : "well")) {
      this.#turning = undefined;
      return;
    }
    this.#turning ??= at;
    const forMs = at.monotonicMs - this.#turning.monotonicMs;
    if (forMs < (kind === "bad" ? FIRES_AFTER_MS : ENDS_AFTER_MS)) return;
    const { nowMs: sinceMs } = this.#turning;
    this.#firing = kind === "bad" ? { summary: evaluation.summary, sinceMs } : undefined;
    this.#turning = undefined;
    this.#isInherited = false;
  }
}

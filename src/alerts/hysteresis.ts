import type { RuleEvaluation } from "./rules.ts";

/** Longer than a restart of the service or of its database, which is no alert. */
export const FIRES_AFTER_MS = 40_000;
/** A short pause between two failures does not end an alert. */
export const ENDS_AFTER_MS = 40_000;
/** Two looks that are further apart say nothing about the time between them: the machine slept or was busy. */
const EVALUATIONS_APART_MS_MAX = 20_000;

/** An alert that fires. */
export interface Firing {
  readonly summary: string;
  /** When it began, on the wall clock. */
  readonly sinceMs: number;
}

/** A moment on both clocks. */
export interface Moment {
  readonly nowMs: number;
  readonly monotonicMs: number;
}

/**
 * One rule as one process sees it. It begins to fire after enough time of bad looks without a
 * break, and ends after enough time of good ones.
 */
export class Hysteresis {
  #firing: Firing | undefined;
  /** Since when every look has said the opposite of the present state. */
  #turning: Moment | undefined;
  #updatedMs = Number.NEGATIVE_INFINITY;

  get firing(): Firing | undefined {
    return this.#firing;
  }

  /** Whether it neither fires nor may soon begin to. */
  get isCalm(): boolean {
    return this.#firing === undefined && this.#turning === undefined;
  }

  /** Continues an alert of an earlier process until it has been well for long enough. */
  inherit(firing: Firing): void {
    this.#firing ??= firing;
    this.#turning = undefined;
  }

  update(evaluation: RuleEvaluation, at: Moment): void {
    if (at.monotonicMs - this.#updatedMs > EVALUATIONS_APART_MS_MAX) this.#turning = undefined;
    this.#updatedMs = at.monotonicMs;
    const { kind } = evaluation;
    if (this.#firing !== undefined && kind === "bad") this.#firing = { ...this.#firing, summary: evaluation.summary };
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
  }
}

/** What a rule says of one look: `between` is too good to fire and too bad to end. */
export type Verdict =
  | { readonly kind: "bad"; readonly summary: string }
  | { readonly kind: "between" }
  | { readonly kind: "well" };

/** Longer than a restart, of the service or of its database: those wake nobody. */
export const FIRES_AFTER_MS = 40_000;
/** What is well for a moment between two failures has not ended. */
export const ENDS_AFTER_MS = 40_000;
/** Nobody knows what was between two looks that lie further apart, because the machine slept or had no time. */
const LOOKS_APART_MS_MAX = 20_000;

/** Something that fires. */
export interface Firing {
  readonly summary: string;
  /** When it began, of the wall clock. */
  readonly sinceMs: number;
}

/** A moment on both clocks. */
export interface Moment {
  readonly nowMs: number;
  readonly monotonicMs: number;
}

/** One rule as one process sees it: it fires when looks were bad for long enough without a break, and ends when they were well as long. */
export class Hysteresis {
  #firing: Firing | undefined;
  /** Since when looks have said the opposite of what it does. */
  #turning: Moment | undefined;
  #lookedMs = Number.NEGATIVE_INFINITY;

  get firing(): Firing | undefined {
    return this.#firing;
  }

  /** Whether it neither fires nor is about to. */
  get calm(): boolean {
    return this.#firing === undefined && this.#turning === undefined;
  }

  /** It fired in the process before this one: it goes on until it has been well for long enough. */
  inherit(firing: Firing): void {
    this.#firing ??= firing;
    this.#turning = undefined;
  }

  look(verdict: Verdict, at: Moment): void {
    if (at.monotonicMs - this.#lookedMs > LOOKS_APART_MS_MAX) this.#turning = undefined;
    this.#lookedMs = at.monotonicMs;
    if (this.#firing !== undefined && verdict.kind === "bad")
      this.#firing = { ...this.#firing, summary: verdict.summary };
    const turns = this.#firing === undefined ? "bad" : "well";
    if (verdict.kind !== turns) {
      this.#turning = undefined;
      return;
    }
    this.#turning ??= at;
    const forMs = at.monotonicMs - this.#turning.monotonicMs;
    if (forMs < (this.#firing === undefined ? FIRES_AFTER_MS : ENDS_AFTER_MS)) return;
    this.#firing = verdict.kind === "bad" ? { summary: verdict.summary, sinceMs: this.#turning.nowMs } : undefined;
    this.#turning = undefined;
  }
}

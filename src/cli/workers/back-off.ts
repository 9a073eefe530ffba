const DELAY_MS_FIRST = 1_000;
const DELAY_MS_MAX = 30_000;
/** A worker that lived this long did not fail for the earlier reason. */
const HEALTHY_MS = 60_000;

/** The delay before a worker that ended is started again. */
export class BackOff {
  #nextMs = DELAY_MS_FIRST;

  delayMs(livedMs: number): number {
    if (livedMs >= HEALTHY_MS) this.#nextMs = DELAY_MS_FIRST;
    const delayMs = this.#nextMs;
    this.#nextMs = Math.min(DELAY_MS_MAX, delayMs * 2);
    return delayMs;
  }
}

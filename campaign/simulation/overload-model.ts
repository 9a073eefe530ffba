import type { ShedReason } from "../../src/runtime.ts";
import type { Promises } from "./history.ts";

export const TICK_MS = 20;
const QUEUE_TARGET_MS = 100;
const LOOP_TARGET_MS = 30;
const BURST_MS = 500;
const QUEUE_ROWS_MIN = 128;
const ADMITTED_PER_TICK_MIN = 100;
/** From the smallest share to the whole: 14 decisions, each of at most 3 ticks, and one before. */
const CALM_TICKS_MAX = 48;
/** The smallest share admits one request in 50. */
const REFUSED_IN_A_ROW_MAX = 51;
/**
 * A delay of this many times its target must shed load after a burst and some decisions. Decisions
 * are rarer when ticks take long.
 */
const CLEARLY_LATE = 1.5;
const SHEDS_AFTER_SPANS = 6;
const SHEDS_AFTER_TICKS = 9;
/** By then a share of two thirds has refused some. */
const ADMITTED_IN_A_ROW_MAX = 150;

/** How long one delay has been above its target. */
class Lateness {
  readonly #targetMs: number;
  #lateSinceMs: number | undefined;
  #clearlySinceMs: number | undefined;
  #clearTicks = 0;
  /** The longest tick of that time. */
  #spanMsMax = 0;
  #calmTicks = CALM_TICKS_MAX;
  mayShed = false;
  mustShed = false;

  constructor(targetMs: number) {
    this.#targetMs = targetMs;
  }

  tick(nowMs: number, spanMs: number, delayMs: number): void {
    const isLate = delayMs > this.#targetMs;
    this.#calmTicks = isLate ? 0 : this.#calmTicks + 1;
    this.#lateSinceMs = isLate ? (this.#lateSinceMs ?? nowMs - spanMs) : undefined;
    if (this.#lateSinceMs !== undefined && nowMs - this.#lateSinceMs >= BURST_MS)
      this.mayShed = true;
    if (this.#calmTicks >= CALM_TICKS_MAX) this.mayShed = false;
    const isClear = delayMs >= this.#targetMs * CLEARLY_LATE;
    this.#clearTicks = isClear ? this.#clearTicks + 1 : 0;
    this.#clearlySinceMs = isClear ? (this.#clearlySinceMs ?? nowMs) : undefined;
    this.#spanMsMax = isClear ? Math.max(this.#spanMsMax, spanMs) : 0;
    const clearMs = nowMs - (this.#clearlySinceMs ?? nowMs);
    this.mustShed =
      this.#clearTicks >= SHEDS_AFTER_TICKS &&
      clearMs >= BURST_MS + SHEDS_AFTER_SPANS * this.#spanMsMax;
  }
}

/** When load may be shed, and when it must be. */
export class OverloadModel {
  readonly #promises: Promises;
  readonly #queue = new Lateness(QUEUE_TARGET_MS);
  readonly #loop = new Lateness(LOOP_TARGET_MS);
  #admittedSinceTick = 0;
  #refusedInARow = 0;
  #admittedInARow = 0;

  constructor(promises: Promises) {
    this.#promises = promises;
  }

  /** A tick that began before `spanMs`. */
  tick(nowMs: number, spanMs: number, queueDelayMs: number): void {
    this.#queue.tick(nowMs, spanMs, queueDelayMs);
    this.#loop.tick(nowMs, spanMs, spanMs - TICK_MS);
    this.#admittedSinceTick = 0;
  }

  decided(
    reason: ShedReason | undefined,
    isMessage: boolean,
    { rows }: { readonly rows: number },
  ): void {
    const expect = (holds: boolean, promise: string) => this.#promises.expect(holds, promise);
    if (reason === undefined) this.#admittedSinceTick++;
    if (reason === "event_loop") {
      expect(this.#loop.mayShed, "the event loop refuses without being late for long");
      const isMany = this.#admittedSinceTick >= ADMITTED_PER_TICK_MIN;
      expect(isMany, "the event loop refuses although few requests were admitted");
    }
    if (!isMessage) return;
    if (reason === "queue_age") {
      expect(this.#queue.mayShed, "the queue refuses without being late for long");
      expect(rows >= QUEUE_ROWS_MIN, "a short queue refuses");
    }
    this.#refusedInARow = reason === "queue_age" ? this.#refusedInARow + 1 : 0;
    expect(this.#refusedInARow <= REFUSED_IN_A_ROW_MAX, "the queue admits nothing");
    const mustShed = this.#queue.mustShed && rows >= QUEUE_ROWS_MIN;
    this.#admittedInARow = mustShed && reason === undefined ? this.#admittedInARow + 1 : 0;
    expect(this.#admittedInARow <= ADMITTED_IN_A_ROW_MAX, "a late queue sheds nothing");
  }
}

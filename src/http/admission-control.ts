import type { Clock } from "../domain/clock.ts";
import type { GroupCommit } from "../ingest/group-commit.ts";
import type { ShedReason } from "../runtime.ts";

const TICK_MS = 20;
/** A delay above its target for less than this is a burst, which passes by itself. */
const BURST_MS = 500;
/**
 * A request waits for about four turns of the event loop: until it is read, until its batch is
 * made, and until that is answered.
 */
const LOOP_DELAY_TARGET_MS = 30;
const QUEUE_DELAY_TARGET_MS = 100;
/**
 * With fewer requests than this, something else causes the delay, such as other processes on the
 * machine. Then refusing requests does not help.
 */
const ADMITTED_PER_TICK_MIN = 100;
const QUEUE_ROWS_MIN = 128;
/**
 * Some requests are always admitted. Otherwise the service would not notice that the overload has
 * ended.
 */
const SHARE_MIN = 0.02;
/**
 * The delay counts only if it is too long at several ticks in a row: a single one may be a pause of
 * the machine. When each tick takes long, two are enough.
 */
const TICKS_PER_DECISION = 3;
const TICKS_MIN = 2;
const DECISION_MS_MAX = 100;
/**
 * The share shrinks to at most this factor at once. It grows from the minimum to the whole in a
 * second.
 */
const DECREASE_FACTOR_MIN = 0.1;
const INCREASE_FACTOR = 1.33;

/** The messages that wait to be committed. */
export type Queue = Pick<GroupCommit, "queueDelayMs" | "queueRows">;

/** The share of requests that is admitted, so that a delay stays at its target. */
class Share {
  #share = 1;
  #lateSinceMs: number | undefined;
  /** Grows by the share with each request. At 1 the next request is admitted. */
  #credit = 0;

  isWhole(): boolean {
    return this.#share === 1;
  }

  /** Whether it is whole, and was not late at the last decision. */
  isInTime(): boolean {
    return this.isWhole() && this.#lateSinceMs === undefined;
  }

  /** `late` is the delay in units of its target, over a window that ends now. */
  decide(late: number, nowMs: number, windowMs: number): void {
    if (late <= 1) {
      this.#lateSinceMs = undefined;
      this.#share = Math.min(1, this.#share * INCREASE_FACTOR);
      return;
    }
    this.#lateSinceMs ??= nowMs - windowMs;
    if (this.#share === 1 && nowMs - this.#lateSinceMs < BURST_MS) return;
    this.#share = Math.max(SHARE_MIN, this.#share * Math.max(DECREASE_FACTOR_MIN, 1 / late));
  }

  /** Whether the next request is admitted. */
  admits(): boolean {
    this.#credit += this.#share;
    if (this.#credit < 1) return false;
    this.#credit -= 1;
    return true;
  }
}

/**
 * Decides which requests are refused under overload. When the event loop or the message queue is
 * late for longer than a burst, only a share of the requests is admitted. The share keeps the delay
 * at its target. Refusing the others costs little. So the admitted requests are answered in time,
 * and as many of them as without overload. A late queue refuses messages only: a read does not wait
 * in it, and a slow disk does not delay it.
 */
export class AdmissionControl {
  readonly #queue: Queue;
  readonly #loopShare = new Share();
  readonly #queueShare = new Share();
  #admittedSinceTick = 0;
  #ticks = 0;
  /** How long ago the first of these ticks began. */
  #windowMs = 0;
  #leastLoopMs = Number.POSITIVE_INFINITY;
  #leastQueueMs = Number.POSITIVE_INFINITY;
  #wake = () => {};

  constructor(queue: Queue) {
    this.#queue = queue;
  }

  /** Records the delay of the event loop, `loopDelayMs`, at the moment `nowMs`. */
  tick(nowMs: number, loopDelayMs: number): void {
    this.#admittedSinceTick = 0;
    this.#leastLoopMs = Math.min(this.#leastLoopMs, loopDelayMs);
    this.#leastQueueMs = Math.min(this.#leastQueueMs, this.#queue.queueDelayMs());
    this.#ticks++;
    this.#windowMs += TICK_MS + loopDelayMs;
    const isLong = this.#ticks >= TICKS_MIN && this.#windowMs >= DECISION_MS_MAX;
    if (this.#ticks < TICKS_PER_DECISION && !isLong) return;
    this.#loopShare.decide(this.#leastLoopMs / LOOP_DELAY_TARGET_MS, nowMs, this.#windowMs);
    this.#queueShare.decide(this.#leastQueueMs / QUEUE_DELAY_TARGET_MS, nowMs, this.#windowMs);
    this.#beginWindow();
  }

  #beginWindow(): void {
    this.#ticks = 0;
    this.#windowMs = 0;
    this.#leastLoopMs = Number.POSITIVE_INFINITY;
    this.#leastQueueMs = Number.POSITIVE_INFINITY;
  }

  /**
   * Why the next request is refused, or undefined when it is admitted. `isMessage` says that the
   * request would wait in the message queue.
   */
  refuses(isMessage = true): ShedReason | undefined {
    if (isMessage && !this.#queueShare.isWhole() && this.#queue.queueRows() >= QUEUE_ROWS_MIN) {
      if (!this.#queueShare.admits()) return "queue_age";
    }
    if (this.#loopShare.isWhole()) return undefined;
    if (this.#admittedSinceTick >= ADMITTED_PER_TICK_MIN && !this.#loopShare.admits())
      return "event_loop";
    this.#admittedSinceTick++;
    return undefined;
  }

  /**
   * Measures the event loop until the signal is aborted, and calls `ticked` each time: a timer is
   * late by the same time as the loop. `ticked` returns whether any request is under way. When none
   * is, and nothing was late, the timer stops until {@link wake}: 50 ticks a second were half of
   * the CPU time of an idle service.
   */
  async watch(clock: Clock, signal: AbortSignal, ticked: () => boolean): Promise<void> {
    while (!signal.aborted) {
      const startMs = clock.monotonic();
      await clock.sleep(TICK_MS, signal).catch(() => undefined);
      const nowMs = clock.monotonic();
      this.tick(nowMs, nowMs - startMs - TICK_MS);
      const isBusy = ticked();
      if (!isBusy && this.#loopShare.isInTime() && this.#queueShare.isInTime())
        await this.#rest(signal);
    }
  }

  /** Continues the ticks. Must be called when a request arrives. */
  wake(): void {
    this.#wake();
  }

  async #rest(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    await new Promise<void>((resolve) => {
      const end = () => {
        signal.removeEventListener("abort", end);
        resolve();
      };
      signal.addEventListener("abort", end);
      this.#wake = end;
    });
    this.#wake = () => {};
    // The time of the rest belongs to no window.
    this.#beginWindow();
  }
}

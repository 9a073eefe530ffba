import type { Clock } from "../domain/clock.ts";
import type { ShedReason } from "../observe/metrics.ts";

const LOOKED_AT_EVERY_MS = 20;
/** What is above its target for so long is no burst, which would be over by itself. */
const BURST_MS = 200;
/** A request waits for two or three turns of the event loop: for its own, for those before it, and for its batch. */
const LOOP_DELAY_TARGET_MS = 50;
const QUEUE_DELAY_TARGET_MS = 100;
/** Below this shedding would help nobody: the delay has another reason than requests, such as other processes on the machine. */
const UNDER_WAY_MIN = 128;
/** Some are always let in: without them nobody would learn that it is over. */
const SHARE_MIN = 0.02;
/** In one look the share is at most halved, and it comes back from the least to the whole in less than a second. */
const LESS_AT_ONCE_MAX = 0.5;
const MORE_AT_ONCE = 1.1;

export interface OverloadOptions {
  /** How long messages wait to be committed. */
  readonly queueDelayMs: () => number;
  /** How many requests are being answered. */
  readonly underWay: () => number;
}

/**
 * Decides which requests are refused because the service has more to do than it can. When the event loop, or the queue of messages, has been
 * late for longer than a burst takes, only a share of the requests is let in: the share that keeps the delay at its target. All others are
 * refused, which costs little, so that those let in are answered in time, and as many of them as without an overload.
 */
export class Overload {
  readonly #options: OverloadOptions;
  #share = 1;
  #reason: ShedReason = "event_loop";
  #lateSinceMs: number | undefined;
  /** Grows by the share with each request; the next is let in when it comes to a whole. */
  #credit = 0;

  constructor(options: OverloadOptions) {
    this.#options = options;
  }

  /** Takes note of how late the event loop is, `loopDelayMs`, at the moment `nowMs`. */
  look(nowMs: number, loopDelayMs: number): void {
    const queueDelayMs = this.#options.queueDelayMs();
    const loop = loopDelayMs / LOOP_DELAY_TARGET_MS;
    const queue = queueDelayMs / QUEUE_DELAY_TARGET_MS;
    const late = Math.max(loop, queue);
    if (late <= 1) {
      this.#lateSinceMs = undefined;
      this.#share = Math.min(1, this.#share * MORE_AT_ONCE);
      return;
    }
    this.#lateSinceMs ??= nowMs;
    if (this.#share === 1 && nowMs - this.#lateSinceMs < BURST_MS) return;
    this.#reason = loop > queue ? "event_loop" : "queue_age";
    this.#share = Math.max(SHARE_MIN, this.#share * Math.max(LESS_AT_ONCE_MAX, 1 / late));
  }

  /** Why the next request is refused, or undefined when it is let in. */
  refuses(): ShedReason | undefined {
    if (this.#share === 1 || this.#options.underWay() < UNDER_WAY_MIN) return undefined;
    this.#credit += this.#share;
    if (this.#credit < 1) return this.#reason;
    this.#credit -= 1;
    return undefined;
  }

  /** Looks at the event loop until the signal comes, and tells `looked` each time. Cheap: a timer that is late by as much as the loop is. */
  async watch(clock: Clock, signal: AbortSignal, looked: () => void): Promise<void> {
    while (!signal.aborted) {
      const startMs = clock.monotonic();
      await clock.sleep(LOOKED_AT_EVERY_MS, signal).catch(() => undefined);
      const nowMs = clock.monotonic();
      this.look(nowMs, nowMs - startMs - LOOKED_AT_EVERY_MS);
      looked();
    }
  }
}

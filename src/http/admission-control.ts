import type { Clock } from "../domain/clock.ts";
import type { GroupCommit } from "../ingest/group-commit.ts";
import type { ShedReason } from "../runtime.ts";

const TICK_MS = 20;
/** What is above its target for so long is no burst, which would be over by itself. */
const BURST_MS = 500;
/** A request waits for some four turns of the event loop: until it is read, until its batch is made, and until that is answered. */
const LOOP_DELAY_TARGET_MS = 30;
const QUEUE_DELAY_TARGET_MS = 100;
/** With fewer than this the delay has another reason than requests, such as other processes on the machine, and refusing helps nobody. */
const ADMITTED_PER_TICK_MIN = 100;
const QUEUE_ROWS_MIN = 128;
/** Some are always let in: without them nobody would learn that it is over. */
const SHARE_MIN = 0.02;
/** What is late is late in each of several looks: one alone may be a pause of the machine. When each takes long, two are enough. */
const TICKS_PER_DECISION = 3;
const TICKS_MIN = 2;
const DECISION_MS_MAX = 100;
/** At least so much of the share is left at once; it comes back from the least to the whole in a second. */
const DECREASE_FACTOR_MIN = 0.1;
const INCREASE_FACTOR = 1.33;

/** The messages that wait to be committed. */
export type Queue = Pick<GroupCommit, "queueDelayMs" | "queueRows">;

/** The share of requests that is let in, so that a delay stays at its target. */
class Share {
  #share = 1;
  #lateSinceMs: number | undefined;
  /** Grows by the share with each request; the next is let in when it comes to a whole. */
  #credit = 0;

  isWhole(): boolean {
    return this.#share === 1;
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

  /** Whether the next request is let in. */
  admits(): boolean {
    this.#credit += this.#share;
    if (this.#credit < 1) return false;
    this.#credit -= 1;
    return true;
  }
}

/**
 * Decides which requests are refused because the service has more to do than it can. When the event loop, or the queue of messages, has been
 * late for longer than a burst takes, only a share of the requests is let in: the share that keeps the delay at its target. All others are
 * refused, which costs little, so that those let in are answered in time, and as many of them as without an overload. A late queue refuses
 * messages only: a read does not wait in it, and a slow disk does not slow it down.
 */
export class AdmissionControl {
  readonly #queue: Queue;
  readonly #loopShare = new Share();
  readonly #queueShare = new Share();
  #admittedSinceTick = 0;
  #ticks = 0;
  /** How long ago the first of them began. */
  #windowMs = 0;
  #leastLoopMs = Number.POSITIVE_INFINITY;
  #leastQueueMs = Number.POSITIVE_INFINITY;

  constructor(queue: Queue) {
    this.#queue = queue;
  }

  /** Takes note of how late the event loop is, `loopDelayMs`, at the moment `nowMs`. */
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
    this.#ticks = 0;
    this.#windowMs = 0;
    this.#leastLoopMs = Number.POSITIVE_INFINITY;
    this.#leastQueueMs = Number.POSITIVE_INFINITY;
  }

  /** Why the next request is refused, or undefined when it is let in. `isMessage`: it would wait in the queue of messages. */
  refuses(isMessage = true): ShedReason | undefined {
    if (isMessage && !this.#queueShare.isWhole() && this.#queue.queueRows() >= QUEUE_ROWS_MIN) {
      if (!this.#queueShare.admits()) return "queue_age";
    }
    if (this.#loopShare.isWhole()) return undefined;
    if (this.#admittedSinceTick >= ADMITTED_PER_TICK_MIN && !this.#loopShare.admits()) return "event_loop";
    this.#admittedSinceTick++;
    return undefined;
  }

  /** Looks at the event loop until the signal comes, and tells `ticked` each time. Cheap: a timer that is late by as much as the loop is. */
  async watch(clock: Clock, signal: AbortSignal, ticked: () => void): Promise<void> {
    while (!signal.aborted) {
      const startMs = clock.monotonic();
      await clock.sleep(TICK_MS, signal).catch(() => undefined);
      const nowMs = clock.monotonic();
      this.tick(nowMs, nowMs - startMs - TICK_MS);
      ticked();
    }
  }
}

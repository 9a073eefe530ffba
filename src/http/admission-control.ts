import type { Clock } from "../domain/clock.ts";
import type { GroupCommit } from "../ingest/group-commit.ts";
import type { ShedReason } from "../runtime.ts";

const LOOKED_AT_EVERY_MS = 20;
/** What is above its target for so long is no burst, which would be over by itself. */
const BURST_MS = 500;
/** A request waits for some four turns of the event loop: until it is read, until its batch is made, and until that is answered. */
const LOOP_DELAY_TARGET_MS = 30;
const QUEUE_DELAY_TARGET_MS = 100;
/** With fewer than this the delay has another reason than requests, such as other processes on the machine, and refusing helps nobody. */
const LET_IN_PER_LOOK_MIN = 100;
const QUEUE_ROWS_MIN = 128;
/** Some are always let in: without them nobody would learn that it is over. */
const SHARE_MIN = 0.02;
/** What is late is late in each of several looks: one alone may be a pause of the machine. When each takes long, two are enough. */
const LOOKS_PER_DECISION = 3;
const LOOKS_MIN = 2;
const DECISION_MS_MAX = 100;
/** At least so much of the share is left at once; it comes back from the least to the whole in a second. */
const LEFT_AT_ONCE_MIN = 0.1;
const MORE_AT_ONCE = 1.33;

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
      this.#share = Math.min(1, this.#share * MORE_AT_ONCE);
      return;
    }
    this.#lateSinceMs ??= nowMs - windowMs;
    if (this.#share === 1 && nowMs - this.#lateSinceMs < BURST_MS) return;
    this.#share = Math.max(SHARE_MIN, this.#share * Math.max(LEFT_AT_ONCE_MIN, 1 / late));
  }

  /** Whether the next request is let in. */
  letsIn(): boolean {
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
  #letInSinceLook = 0;
  #looks = 0;
  /** How long ago the first of them began. */
  #windowMs = 0;
  #leastLoopMs = Number.POSITIVE_INFINITY;
  #leastQueueMs = Number.POSITIVE_INFINITY;

  constructor(queue: Queue) {
    this.#queue = queue;
  }

  /** Takes note of how late the event loop is, `loopDelayMs`, at the moment `nowMs`. */
  look(nowMs: number, loopDelayMs: number): void {
    this.#letInSinceLook = 0;
    this.#leastLoopMs = Math.min(this.#leastLoopMs, loopDelayMs);
    this.#leastQueueMs = Math.min(this.#leastQueueMs, this.#queue.queueDelayMs());
    this.#looks++;
    this.#windowMs += LOOKED_AT_EVERY_MS + loopDelayMs;
    const isLong = this.#looks >= LOOKS_MIN && this.#windowMs >= DECISION_MS_MAX;
    if (this.#looks < LOOKS_PER_DECISION && !isLong) return;
    this.#loopShare.decide(this.#leastLoopMs / LOOP_DELAY_TARGET_MS, nowMs, this.#windowMs);
    this.#queueShare.decide(this.#leastQueueMs / QUEUE_DELAY_TARGET_MS, nowMs, this.#windowMs);
    this.#looks = 0;
    this.#windowMs = 0;
    this.#leastLoopMs = Number.POSITIVE_INFINITY;
    this.#leastQueueMs = Number.POSITIVE_INFINITY;
  }

  /** Why the next request is refused, or undefined when it is let in. `isMessage`: it would wait in the queue of messages. */
  refuses(isMessage = true): ShedReason | undefined {
    if (isMessage && !this.#queueShare.isWhole() && this.#queue.queueRows() >= QUEUE_ROWS_MIN) {
      if (!this.#queueShare.letsIn()) return "queue_age";
    }
    if (this.#loopShare.isWhole()) return undefined;
    if (this.#letInSinceLook >= LET_IN_PER_LOOK_MIN && !this.#loopShare.letsIn()) return "event_loop";
    this.#letInSinceLook++;
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

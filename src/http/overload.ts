import type { Clock } from "../domain/clock.ts";
import type { GroupCommit } from "../ingest/group-commit.ts";
import type { ShedReason } from "../observe/metrics.ts";

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

/**
 * Decides which requests are refused because the service has more to do than it can. When the event loop, or the queue of messages, has been
 * late for longer than a burst takes, only a share of the requests is let in: the share that keeps the delay at its target. All others are
 * refused, which costs little, so that those let in are answered in time, and as many of them as without an overload.
 */
export class Overload {
  readonly #queue: Queue;
  #share = 1;
  #reason: ShedReason = "event_loop";
  #lateSinceMs: number | undefined;
  /** Grows by the share with each request; the next is let in when it comes to a whole. */
  #credit = 0;
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
    this.#decide(nowMs, this.#leastLoopMs / LOOP_DELAY_TARGET_MS, this.#leastQueueMs / QUEUE_DELAY_TARGET_MS);
    this.#looks = 0;
    this.#windowMs = 0;
    this.#leastLoopMs = Number.POSITIVE_INFINITY;
    this.#leastQueueMs = Number.POSITIVE_INFINITY;
  }

  #decide(nowMs: number, loop: number, queue: number): void {
    const late = Math.max(loop, queue);
    if (late <= 1) {
      this.#lateSinceMs = undefined;
      this.#share = Math.min(1, this.#share * MORE_AT_ONCE);
      return;
    }
    this.#lateSinceMs ??= nowMs - this.#windowMs;
    if (this.#share === 1 && nowMs - this.#lateSinceMs < BURST_MS) return;
    this.#reason = loop > queue ? "event_loop" : "queue_age";
    this.#share = Math.max(SHARE_MIN, this.#share * Math.max(LEFT_AT_ONCE_MIN, 1 / late));
  }

  /** Why the next request is refused, or undefined when it is let in. */
  refuses(): ShedReason | undefined {
    if (this.#share === 1) return undefined;
    if (this.#isWorthIt()) {
      this.#credit += this.#share;
      if (this.#credit < 1) return this.#reason;
      this.#credit -= 1;
    }
    this.#letInSinceLook++;
    return undefined;
  }

  #isWorthIt(): boolean {
    if (this.#reason === "queue_age") return this.#queue.queueRows() >= QUEUE_ROWS_MIN;
    return this.#letInSinceLook >= LET_IN_PER_LOOK_MIN;
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

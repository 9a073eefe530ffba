import type { Clock } from "../domain/clock.ts";
import type { GroupCommit } from "../ingest/group-commit.ts";
import type { ShedReason } from "../observe/metrics.ts";

const LOOKED_AT_EVERY_MS = 20;
/** What is above its target for so long is no burst, which would be over by itself. */
const BURST_MS = 500;
/** A request waits for two or three turns of the event loop: for its own, for those before it, and for its batch. */
const LOOP_DELAY_TARGET_MS = 50;
const QUEUE_DELAY_TARGET_MS = 100;
/** With fewer than this the delay has another reason than requests, such as other processes on the machine, and refusing helps nobody. */
const LET_IN_PER_LOOK_MIN = 100;
const QUEUE_ROWS_MIN = 128;
/** Some are always let in: without them nobody would learn that it is over. */
const SHARE_MIN = 0.02;
/** In one look the share is at most halved, and it comes back from the least to the whole in less than a second. */
const LESS_AT_ONCE_MAX = 0.5;
const MORE_AT_ONCE = 1.1;

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

  constructor(queue: Queue) {
    this.#queue = queue;
  }

  /** Takes note of how late the event loop is, `loopDelayMs`, at the moment `nowMs`. */
  look(nowMs: number, loopDelayMs: number): void {
    this.#letInSinceLook = 0;
    const loop = loopDelayMs / LOOP_DELAY_TARGET_MS;
    const queue = this.#queue.queueDelayMs() / QUEUE_DELAY_TARGET_MS;
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

/**
 * How long a batch may be visible only in part. On a distributed engine its rows become visible
 * shard by shard. After this time a finished batch is complete or, after the crash of a worker,
 * waits for recovery.
 */
const VISIBLE_AFTER_MS = 10_000;

interface Seen {
  readonly seq: number;
  readonly atMs: number;
  /** Messages up to here were seen long enough ago that none before them can be missing. */
  readonly visibleSeq: number;
}

/**
 * Limits how far a stream may be counted. On a single server a batch is visible completely or not
 * at all, so there is no limit.
 */
export interface VisibilityDelay {
  visibleSeq(stream: number, seenSeq: number): number;
}

export const NO_DELAY: VisibilityDelay = { visibleSeq: (_stream, seenSeq) => seenSeq };

/**
 * For engines without a snapshot across their nodes: only messages that were seen some time ago.
 */
export class DelayedVisibility implements VisibilityDelay {
  readonly #seen = new Map<number, Seen>();
  readonly #nowMs: () => number;

  /** `nowMs` must never decrease. */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  visibleSeq(stream: number, seenSeq: number): number {
    const nowMs = this.#nowMs();
    const before = this.#seen.get(stream) ?? { seq: seenSeq, atMs: nowMs, visibleSeq: 0 };
    const due = nowMs - before.atMs >= VISIBLE_AFTER_MS;
    const after = due ? { seq: seenSeq, atMs: nowMs, visibleSeq: before.seq } : before;
    this.#seen.set(stream, after);
    return after.visibleSeq;
  }
}

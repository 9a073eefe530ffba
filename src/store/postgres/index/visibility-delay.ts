/**
 * How long a batch may be seen in part: on a distributed engine its rows become visible shard by shard, and a batch whose call has ended
 * either is there as a whole by then or, after the crash of a worker, waits to be recovered.
 */
const VISIBLE_AFTER_MS = 10_000;

interface Seen {
  readonly seq: number;
  readonly atMs: number;
  /** What was seen so long ago that nothing before it can be missing any more. */
  readonly visibleSeq: number;
}

/** Says up to where a stream may be counted. One server shows a batch as a whole or not at all: all that is seen may be. */
export interface VisibilityDelay {
  visibleSeq(stream: number, seenSeq: number): number;
}

export const NO_DELAY: VisibilityDelay = { visibleSeq: (_stream, seenSeq) => seenSeq };

/** For engines without a snapshot that spans their nodes: what was seen some time ago. */
export class DelayedVisibility implements VisibilityDelay {
  readonly #seen = new Map<number, Seen>();
  readonly #nowMs: () => number;

  /** `nowMs` only ever grows. */
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

import type { Clock } from "../domain/clock.ts";
import type { RetentionStore } from "../store/retention.ts";

/** A store takes fewer at once where more would hold others up. */
const ROWS_PER_STEP_MAX = 5_000;
/** Of the time a step took, so that whoever stores and reads gets most of the database meanwhile. */
const PAUSE_SHARE = 0.5;
const DAY_MS = 86_400_000;

export interface SweepOptions {
  readonly store: RetentionStore;
  /** Messages received longer ago are deleted; undefined deletes none. */
  readonly days: number | undefined;
  readonly tombstoneDays: number;
  /** Ends it behind the step under way. */
  readonly signal: AbortSignal;
  /** False looks only where the oldest messages are as a rule; every message is looked at otherwise. */
  readonly everywhere?: boolean;
  /** Called after each step that deleted something. */
  readonly deleted: (messages: number) => void;
}

export interface SweepReport {
  /** Messages received before this moment were too old; undefined when none are. */
  readonly receivedBefore: string | undefined;
  readonly messages: number;
  /** Tombstones that had come to their end. */
  readonly tombstones: number;
  readonly bytesGivenBack: number;
  readonly seconds: number;
}

/** Deletes what is too old, in small steps with pauses between them. Rejects as the store does; what was deleted until then stays so. */
export async function sweep(clock: Clock, options: SweepOptions): Promise<SweepReport> {
  const { store } = options;
  const startMs = clock.monotonic();
  const now = new Date(clock.now()).toISOString();
  const receivedBefore = cutoffOf(clock, options.days);
  const messages =
    receivedBefore === undefined ? 0 : await expire(clock, { ...options, dryRun: false }, receivedBefore);
  const paced = (step: () => Promise<number>) => untilNothing(clock, options.signal, step);
  return {
    receivedBefore,
    messages,
    tombstones: await paced(() => store.dropTombstones({ now, rowsMax: ROWS_PER_STEP_MAX })),
    bytesGivenBack: await paced(() => store.reclaimSpace()),
    seconds: (clock.monotonic() - startMs) / 1_000,
  };
}

/** Messages received before this moment are too old; undefined when messages are kept for ever. */
export function cutoffOf(clock: Clock, days: number | undefined): string | undefined {
  return days === undefined ? undefined : new Date(clock.now() - days * DAY_MS).toISOString();
}

export interface CountOptions extends Pick<SweepOptions, "everywhere" | "signal"> {
  readonly store: Pick<RetentionStore, "expire">;
  /** Called after each step that found something. */
  readonly found?: (messages: number) => void;
}

/** How many messages were received before a moment, as far as a sweep with the same options looks. */
export function countOld(clock: Clock, options: CountOptions, receivedBefore: string): Promise<number> {
  const { found = () => undefined } = options;
  return expire(clock, { ...options, dryRun: true, tombstoneDays: 0, deleted: found }, receivedBefore);
}

/** Until when a message deleted now is still known. */
export function tombstonesUntil(clock: Clock, tombstoneDays: number): string {
  return new Date(clock.now() + tombstoneDays * DAY_MS).toISOString();
}

interface Expiry extends CountOptions, Pick<SweepOptions, "tombstoneDays" | "deleted"> {
  readonly dryRun: boolean;
}

async function expire(clock: Clock, options: Expiry, receivedBefore: string): Promise<number> {
  const { store, tombstoneDays, dryRun } = options;
  const everywhere = options.everywhere ?? true;
  const step = { receivedBefore, rowsMax: ROWS_PER_STEP_MAX, dryRun, everywhere };
  let place: string | undefined;
  return untilNothing(clock, options.signal, async () => {
    const done = await store.expire({
      ...step,
      position: place,
      tombstonesUntil: tombstonesUntil(clock, tombstoneDays),
    });
    place = done.position;
    if (done.deleted > 0) options.deleted(done.deleted);
    return { amount: done.deleted, more: place !== undefined };
  });
}

/** Repeats a step, with a pause behind each, until it says that there is no more; the sum of what the steps did. */
async function untilNothing(
  clock: Clock,
  signal: AbortSignal,
  step: () => Promise<number | { readonly amount: number; readonly more: boolean }>,
): Promise<number> {
  for (let sum = 0; ; ) {
    const startMs = clock.monotonic();
    const done = await step();
    const { amount, more } = typeof done === "number" ? { amount: done, more: done > 0 } : done;
    sum += amount;
    if (!more || signal.aborted) return sum;
    await clock.sleep((clock.monotonic() - startMs) * PAUSE_SHARE, signal).catch(() => undefined);
  }
}

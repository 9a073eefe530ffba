import type { Clock } from "../domain/clock.ts";
import type { RetentionStore } from "../store/retention.ts";

/** The messages of one step. A store takes fewer where more would delay other work. */
const ROWS_PER_STEP_MAX = 5_000;
/**
 * The pause after a step, as a share of the time that it took. So storing and reading get most of
 * the database.
 */
const PAUSE_SHARE = 0.5;
const DAY_MS = 86_400_000;

export interface SweepOptions {
  readonly store: RetentionStore;
  /** Messages older than this are deleted; undefined deletes none. */
  readonly days: number | undefined;
  readonly tombstoneDays: number;
  /** Ends the sweep after the step under way. */
  readonly signal: AbortSignal;
  /** False scans only where the oldest messages usually are; otherwise every message is scanned. */
  readonly everywhere?: boolean;
  /** Called after each step that deleted something. */
  readonly deleted: (messages: number) => void;
}

export interface SweepReport {
  /** Messages received before this moment were deleted; undefined when none were too old. */
  readonly receivedBefore: string | undefined;
  readonly messages: number;
  /** The number of expired tombstones. */
  readonly tombstones: number;
  readonly bytesGivenBack: number;
  readonly seconds: number;
}

/**
 * Deletes old messages in small steps with pauses between them. Rejects as the store does; what was
 * deleted before stays deleted.
 */
export async function sweep(clock: Clock, options: SweepOptions): Promise<SweepReport> {
  const { store } = options;
  const startMs = clock.monotonic();
  const now = new Date(clock.now()).toISOString();
  const receivedBefore = cutoffOf(clock, options.days);
  const messages =
    receivedBefore === undefined
      ? 0
      : await expire(clock, { ...options, dryRun: false }, receivedBefore);
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

/**
 * How many messages were received before a moment, within the range of a sweep with the same
 * options.
 */
export function countOld(
  clock: Clock,
  options: CountOptions,
  receivedBefore: string,
): Promise<number> {
  const { found = () => undefined } = options;
  return expire(
    clock,
    { ...options, dryRun: true, tombstoneDays: 0, deleted: found },
    receivedBefore,
  );
}

/** Until when the id of a message deleted now is kept. */
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

/**
 * Repeats a step, with a pause after each, until nothing is left. No step begins after the signal.
 * Returns the sum of the steps.
 */
async function untilNothing(
  clock: Clock,
  signal: AbortSignal,
  step: () => Promise<number | { readonly amount: number; readonly more: boolean }>,
): Promise<number> {
  let sum = 0;
  while (!signal.aborted) {
    const startMs = clock.monotonic();
    const done = await step();
    const { amount, more } = typeof done === "number" ? { amount: done, more: done > 0 } : done;
    sum += amount;
    if (!more) break;
    await clock.sleep((clock.monotonic() - startMs) * PAUSE_SHARE, signal).catch(() => undefined);
  }
  return sum;
}

import { setTimeout as delay } from "node:timers/promises";

/** The clock. Everything below app.ts gets it as an argument, so that tests can stop time. */
export interface Clock {
  /** Wall-clock time in milliseconds since 1970, for what is shown and stored. It may jump. */
  now(): number;
  /** Milliseconds that never decrease, for durations and deadlines. */
  monotonic(): number;
  /** Resolves after `ms`; rejects with the signal's reason when aborted first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: (ms, signal) => delay(ms, undefined, signal === undefined ? {} : { signal }),
};

/**
 * The clock as it continues from now, without later jumps of the wall clock. Work that checks the
 * clock first uses it, so that every later moment is one that was checked.
 */
export function withoutJumps(clock: Clock): Clock {
  const aheadMs = clock.now() - clock.monotonic();
  return {
    now: () => clock.monotonic() + aheadMs,
    monotonic: () => clock.monotonic(),
    sleep: (ms, signal) => clock.sleep(ms, signal),
  };
}

/**
 * The result of `work`, or undefined when that takes longer than `ms`. The work itself continues.
 */
export async function within<T>(
  clock: Clock,
  ms: number,
  work: Promise<T>,
): Promise<T | undefined> {
  const done = new AbortController();
  const late = clock.sleep(Math.max(0, ms), done.signal).then(
    () => undefined,
    () => undefined,
  );
  try {
    return await Promise.race([work, late]);
  } finally {
    done.abort();
  }
}

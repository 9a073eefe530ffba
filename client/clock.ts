/** Time, handed in so that tests can hold it. */
export interface Clock {
  /** Milliseconds since 1970, for the dates of others. */
  now(): number;
  /** Milliseconds that only ever grow, for deadlines. */
  monotonic(): number;
  /** Resolves after `ms`, or at once when the signal is aborted. Keeps the process alive meanwhile, because somebody waits for it. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const done = () => {
        clearTimeout(timer);
        // A signal may live as long as the program: nothing may stay with it.
        signal?.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      signal?.addEventListener("abort", done);
    }),
};

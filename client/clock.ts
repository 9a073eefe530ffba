/** The clock, an argument so that tests can control it. */
export interface Clock {
  /** Milliseconds since 1970, for dates from the server. */
  now(): number;
  /** Milliseconds that never decrease, for deadlines. */
  monotonic(): number;
  /**
   * Resolves after `ms`, or at once when the signal is aborted. It keeps the process alive, because
   * a caller waits for it.
   */
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
        // A signal may live as long as the program, so its listener is removed.
        signal?.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      signal?.addEventListener("abort", done);
    }),
};

import type { Clock } from "../domain/clock.ts";

const MS_PER_SECOND = 1_000;

export interface ReaderPaceOptions {
  readonly clock: Pick<Clock, "monotonic">;
  /** What a reader takes each second, at least and on average. */
  readonly bytesPerSecondMin: number;
  /** How far behind that it may be, and how long it may take nothing. */
  readonly behindMsMax: number;
  /** Called once, when it is further behind. */
  readonly tooSlow: () => void;
}

/**
 * Watches how fast a client takes an answer. Only the time in which the service waits for the client counts. Being ahead is worth no more
 * than `behindMsMax`: what the buffers of a system swallow at once buys no more time than that.
 */
export class ReaderPace {
  readonly #options: ReaderPaceOptions;
  #leftMs: number;
  #waitsSinceMs = 0;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(options: ReaderPaceOptions) {
    this.#options = options;
    this.#leftMs = options.behindMsMax;
  }

  /** The client has something to take. */
  offered(): void {
    if (this.#stopped) return;
    this.#waitsSinceMs = this.#options.clock.monotonic();
    this.#timer = setTimeout(this.#options.tooSlow, Math.max(0, this.#leftMs));
  }

  /** The client has taken this many bytes since. */
  taken(bytes: number): void {
    clearTimeout(this.#timer);
    const { clock, bytesPerSecondMin, behindMsMax } = this.#options;
    const waitedMs = clock.monotonic() - this.#waitsSinceMs;
    const dueMs = (bytes / bytesPerSecondMin) * MS_PER_SECOND;
    this.#leftMs = Math.min(behindMsMax, this.#leftMs - waitedMs + dueMs);
  }

  /** The connection has closed: nothing is watched from now on. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }
}

import type { Clock } from "../domain/clock.ts";

const MS_PER_SECOND = 1_000;

export interface ReaderPaceOptions {
  readonly clock: Pick<Clock, "monotonic">;
  /** The rate that a reader must reach on average. */
  readonly bytesPerSecondMin: number;
  /** How far behind that rate it may fall, and how long it may read nothing. */
  readonly behindMsMax: number;
  /** Called once, when it falls further behind. */
  readonly tooSlow: () => void;
}

/**
 * Measures how fast a client reads a response. Only the time in which the service waits for the
 * client counts. A client that is ahead gains at most `behindMsMax`: what system buffers take at
 * once gains no more time than that.
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

  /** The client has something to read. */
  offered(): void {
    if (this.#stopped) return;
    this.#waitsSinceMs = this.#options.clock.monotonic();
    this.#timer = setTimeout(this.#options.tooSlow, Math.max(0, this.#leftMs));
  }

  /** The client has read this many bytes since. */
  taken(bytes: number): void {
    clearTimeout(this.#timer);
    const { clock, bytesPerSecondMin, behindMsMax } = this.#options;
    const waitedMs = clock.monotonic() - this.#waitsSinceMs;
    const dueMs = (bytes / bytesPerSecondMin) * MS_PER_SECOND;
    this.#leftMs = Math.min(behindMsMax, this.#leftMs - waitedMs + dueMs);
  }

  /** The connection was closed: nothing is measured from now on. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }
}

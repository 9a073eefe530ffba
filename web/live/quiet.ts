// Whether nothing happens: for a while no answer told anything new, and the reader has not touched
// the page. Then every poll of the page is slower, because each request costs the service CPU time.

/** After this time without news and without a touch. */
export const QUIET_AFTER_MS = 60_000;
const TIMES_SLOWER = 3;
const SLOWED_UP_TO_MS = 60_000;

/** How often something is asked for. */
export interface Interval {
  readonly quickMs: number;
  readonly quietMs: number;
}

/** The rows of a list are what a reader waits for, so they are slowed less than the rest. */
export const LIST_INTERVAL: Interval = { quickMs: 2_000, quietMs: 5_000 };

/** An interval that is three times as long while nothing happens, but at most a minute. */
export function intervalOf(quickMs: number): Interval {
  const slowedMs = Math.min(TIMES_SLOWER * quickMs, SLOWED_UP_TO_MS);
  return { quickMs, quietMs: Math.max(quickMs, slowedMs) };
}

export class Quiet {
  readonly #now: () => number;
  readonly #listeners = new Set<() => void>();
  readonly #known = new Map<string, string | number>();
  #lastAt: number;

  constructor(now: () => number) {
    this.#now = now;
    this.#lastAt = now();
  }

  get isQuiet(): boolean {
    return this.#now() - this.#lastAt >= QUIET_AFTER_MS;
  }

  /** Something happened: there is news, or the reader touched the page. */
  end(): void {
    const wasQuiet = this.isQuiet;
    this.#lastAt = this.#now();
    if (wasQuiet) for (const listener of this.#listeners) listener();
  }

  /** Something was told. It is news if `what` was another value before. */
  told(what: string, value: string | number): void {
    if (this.#known.get(what) === value) return;
    this.#known.set(what, value);
    this.end();
  }

  /** Calls the listener each time when the quiet ends. Returns what stops that. */
  onEnd(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

/** What is news in an answer of `/overview`. Its moment and the space on the disk change always. */
interface Figures {
  readonly started_at: string;
  readonly version: string;
  readonly ready: boolean;
  readonly read: string;
  readonly last_received_at: string | null;
  readonly results: unknown;
  readonly conflicts: number;
  readonly shed: number;
  readonly workers: unknown;
  readonly alerts: readonly { readonly rule: string; readonly since: string }[];
}

/** Notes what `/overview` told. Behind a balancer each replica has figures of its own. */
export function tellFigures(quiet: Quiet, figures: Figures): void {
  const { started_at, version, ready, read, last_received_at } = figures;
  const { results, conflicts, shed, workers } = figures;
  const alerts = figures.alerts.map(({ rule, since }) => [rule, since]);
  const counts = [results, conflicts, shed, workers];
  const news = JSON.stringify([version, ready, read, last_received_at, counts, alerts]);
  quiet.told(`figures of ${started_at}`, news);
}

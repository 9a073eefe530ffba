import { type Clock, within } from "../domain/clock.ts";
import type { Store } from "../store/store.ts";

const PING_CACHE_MS = 1_000;
const PING_MS_MAX = 2_000;

export interface ReadinessOptions {
  readonly store: Pick<Store, "ping">;
  readonly clock: Clock;
  readonly secretConfigured: () => boolean;
}

/** Whether messages can be taken. It really asks the database, at most once a second; whoever asks in between shares the answer. */
export class Readiness {
  readonly #options: ReadinessOptions;
  #askedMs = Number.NEGATIVE_INFINITY;
  #answer = Promise.resolve(false);

  constructor(options: ReadinessOptions) {
    this.#options = options;
  }

  /** Why not, in words; null when they can. */
  async problem(): Promise<string | null> {
    if (!this.#options.secretConfigured()) return "WEBHOOK_SECRET not configured";
    return (await this.#ping()) ? null : "database not ready";
  }

  #ping(): Promise<boolean> {
    const { store, clock } = this.#options;
    if (clock.monotonic() - this.#askedMs >= PING_CACHE_MS) {
      this.#askedMs = clock.monotonic();
      const asked = store.ping().then(
        () => true,
        () => false,
      );
      this.#answer = within(clock, PING_MS_MAX, asked).then((answered) => answered === true);
    }
    return this.#answer;
  }
}

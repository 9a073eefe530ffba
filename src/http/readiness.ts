import { within } from "../domain/clock.ts";
import { failureInWords } from "../domain/failure-words.ts";
import type { Runtime } from "../runtime.ts";
import type { Store } from "../store/store.ts";

const PING_CACHE_MS = 1_000;
const PING_MS_MAX = 2_000;
const NO_SECRET = "No webhook secret is accepted now, so every webhook is refused.";
const NO_ANSWER = `The database did not answer within ${PING_MS_MAX / 1_000} s.`;

export interface ReadinessOptions extends Pick<Runtime, "clock"> {
  readonly store: Pick<Store, "ping">;
  readonly secretConfigured: () => boolean;
}

/**
 * Whether messages can be stored. The database is asked at most once a second; requests in between
 * share the result.
 */
export class Readiness {
  readonly #options: ReadinessOptions;
  #askedMs = Number.NEGATIVE_INFINITY;
  #answer: Promise<string | null> = Promise.resolve(NO_ANSWER);

  constructor(options: ReadinessOptions) {
    this.#options = options;
  }

  /** Why messages cannot be taken, in the words of the answer; null when they can. */
  async problem(): Promise<string | null> {
    if (!this.#options.secretConfigured()) return "WEBHOOK_SECRET not configured";
    return (await this.databaseProblem()) === null ? null : "database not ready";
  }

  /** The same, as a sentence for the log; null when messages can be taken. */
  async reason(): Promise<string | null> {
    return this.#options.secretConfigured() ? this.databaseProblem() : NO_SECRET;
  }

  /** What is wrong with the database, as a sentence for the log; null when it answers. */
  databaseProblem(): Promise<string | null> {
    const { store, clock } = this.#options;
    if (clock.monotonic() - this.#askedMs >= PING_CACHE_MS) {
      this.#askedMs = clock.monotonic();
      const asked = store.ping().then(() => null, failureInWords);
      this.#answer = within(clock, PING_MS_MAX, asked).then((answer) =>
        answer === undefined ? NO_ANSWER : answer,
      );
    }
    return this.#answer;
  }
}

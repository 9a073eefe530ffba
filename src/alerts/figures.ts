/** What a process finds about itself in one look. */
export interface Figures {
  /** Why it cannot take messages; null when it can. */
  readonly notReady: string | null;
  /** Webhooks of the last minute, and of the last quarter of it. */
  readonly lastMinute: Requests;
  readonly justNow: Requests;
  /** The longest that a message was found to wait in the last looks. */
  readonly queueAgeMs: number;
  /** Undefined when it is not known, or another machine's. */
  readonly disk: { readonly freeBytes: number; readonly sizeBytes: number } | undefined;
  readonly silence: Silence;
}

export interface Requests {
  readonly answered: number;
  /** Those answered 5xx. */
  readonly failed: number;
}

export interface Silence {
  /** How long no message came in, as far as this process knows; undefined when nobody wants to know. */
  readonly ms: number | undefined;
  /** Whether one came in since the process began. */
  readonly heard: boolean;
  /** More than so long is told of. */
  readonly msMax: number;
  /** Whether messages usually come in at this time of the week; undefined when that cannot be found out now. */
  readonly unusual: boolean | undefined;
}

const MINUTE_MS = 60_000;
const JUST_NOW_MS = 15_000;

interface Sample extends Requests {
  readonly atMs: number;
}

/** What became of the requests of the last minute, made of counts that only rise. */
export class RecentRequests {
  #samples: readonly Sample[] = [];

  look(counts: Requests, atMs: number): Pick<Figures, "lastMinute" | "justNow"> {
    const newest = { ...counts, atMs };
    // One that is older than a minute is what the minute is counted from.
    const from = Math.max(
      0,
      this.#samples.findLastIndex((sample) => atMs - sample.atMs >= MINUTE_MS),
    );
    this.#samples = [...this.#samples.slice(from), newest];
    return { lastMinute: this.#since(newest, MINUTE_MS), justNow: this.#since(newest, JUST_NOW_MS) };
  }

  #since(newest: Sample, ms: number): Requests {
    const base = this.#samples.findLast(({ atMs }) => newest.atMs - atMs >= ms) ?? this.#samples[0] ?? newest;
    return { answered: newest.answered - base.answered, failed: newest.failed - base.failed };
  }
}

/** The age of the queue goes up and down with each batch: the highest of the last looks tells more than the last. */
export class RecentPeak {
  #samples: readonly { readonly atMs: number; readonly value: number }[] = [];

  look(value: number, atMs: number): number {
    const young = this.#samples.filter((sample) => atMs - sample.atMs < JUST_NOW_MS);
    this.#samples = [...young, { atMs, value }];
    return Math.max(...this.#samples.map((sample) => sample.value));
  }
}

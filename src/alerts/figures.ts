import type { Silence, SilenceWatch } from "./silence.ts";

/** One measurement of a process. */
export interface Figures {
  /** Why the service cannot take messages; null when it can. */
  readonly notReady: string | null;
  /** The webhooks of the last minute, and of the last 15 s. */
  readonly lastMinute: Requests;
  readonly justNow: Requests;
  /** The longest time that a message waited, over the last measurements. */
  readonly queueAgeMs: number;
  /** Undefined when it is unknown, or the disk belongs to another machine. */
  readonly disk: { readonly freeBytes: number; readonly sizeBytes: number } | undefined;
  readonly silence: Silence;
}

export interface Requests {
  readonly answered: number;
  /** Requests answered with 5xx. */
  readonly failed: number;
}

const MINUTE_MS = 60_000;
const JUST_NOW_MS = 15_000;

interface Sample extends Requests {
  readonly atMs: number;
}

/** The requests of the last minute, computed from counters. */
export class RecentRequests {
  #samples: readonly Sample[] = [];

  add(counts: Requests, atMs: number): Pick<Figures, "lastMinute" | "justNow"> {
    const newest = { ...counts, atMs };
    // The newest sample that is at least a minute old is the start of the minute.
    const from = Math.max(
      0,
      this.#samples.findLastIndex((sample) => atMs - sample.atMs >= MINUTE_MS),
    );
    this.#samples = [...this.#samples.slice(from), newest];
    return {
      lastMinute: this.#since(newest, MINUTE_MS),
      justNow: this.#since(newest, JUST_NOW_MS),
    };
  }

  #since(newest: Sample, ms: number): Requests {
    const base =
      this.#samples.findLast(({ atMs }) => newest.atMs - atMs >= ms) ?? this.#samples[0] ?? newest;
    return { answered: newest.answered - base.answered, failed: newest.failed - base.failed };
  }
}

/** The highest of the last queue ages, because the age changes with each batch. */
export class RecentPeak {
  #samples: readonly { readonly atMs: number; readonly value: number }[] = [];

  add(value: number, atMs: number): number {
    const young = this.#samples.filter((sample) => atMs - sample.atMs < JUST_NOW_MS);
    this.#samples = [...young, { atMs, value }];
    return Math.max(...this.#samples.map((sample) => sample.value));
  }
}

export interface ObservationSources {
  /** Why messages cannot be taken; null when they can. Resolves within seconds. */
  readonly notReady: () => Promise<string | null>;
  /** Webhooks since the process started. */
  readonly requests: () => Promise<Requests>;
  readonly queueAgeMs: () => number;
  /** Undefined when the disk belongs to another machine. Resolves within seconds. */
  readonly disk: () => Promise<Figures["disk"]>;
  readonly silence: Pick<SilenceWatch, "measure">;
}

/** Measures the process that it runs in. */
export class Observation {
  readonly #sources: ObservationSources;
  readonly #requests = new RecentRequests();
  readonly #queueAge = new RecentPeak();

  constructor(sources: ObservationSources) {
    this.#sources = sources;
  }

  async measure(atMs: number): Promise<Figures> {
    const { notReady, requests, queueAgeMs, disk, silence } = this.#sources;
    const found = await Promise.all([
      notReady(),
      disk().catch(() => undefined),
      silence.measure(),
      requests(),
    ]);
    return {
      notReady: found[0],
      disk: found[1],
      silence: found[2],
      ...this.#requests.add(found[3], atMs),
      queueAgeMs: this.#queueAge.add(queueAgeMs(), atMs),
    };
  }
}

import { type Figures, RecentPeak, RecentRequests, type Requests } from "./figures.ts";
import type { SilenceWatch } from "./silence.ts";

export interface ObservationSources {
  /** Why messages cannot be taken; null when they can. It answers within seconds. */
  readonly notReady: () => Promise<string | null>;
  /** Webhooks since the process began. */
  readonly requests: () => Promise<Requests>;
  readonly queueAgeMs: () => number;
  /** Undefined when it is another machine's. It answers within seconds. */
  readonly disk: () => Promise<Figures["disk"]>;
  readonly silence: Pick<SilenceWatch, "look">;
}

/** Looks at the process it is in. */
export class Observation {
  readonly #sources: ObservationSources;
  readonly #requests = new RecentRequests();
  readonly #queueAge = new RecentPeak();

  constructor(sources: ObservationSources) {
    this.#sources = sources;
  }

  async look(atMs: number): Promise<Figures> {
    const { notReady, requests, queueAgeMs, disk, silence } = this.#sources;
    const found = await Promise.all([notReady(), disk().catch(() => undefined), silence.look(), requests()]);
    return {
      notReady: found[0],
      disk: found[1],
      silence: found[2],
      ...this.#requests.look(found[3], atMs),
      queueAgeMs: this.#queueAge.look(queueAgeMs(), atMs),
    };
  }
}

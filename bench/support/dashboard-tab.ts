import { Agent, get } from "node:http";
import type { Overview } from "../../web/api/overview.ts";
import { Doorbell, type Ring, type Surroundings } from "../../web/live/doorbell.ts";
import {
  type Interval,
  intervalOf,
  LIST_INTERVAL,
  Quiet,
  tellFigures,
} from "../../web/live/quiet.ts";
import { FILLED_UNTIL_MS } from "./fill.ts";

const OVERVIEW_MS = 5_000;
const TIMELINE_MS = 60_000;
const COUNT_MS = 10_000;
const TOTALS_MS = 30_000;
const ZONE = "Asia/Kolkata";
const HOUR_MS = 3_600_000;
const WEEK_MS = 7 * 24 * HOUR_MS;
/** As many as a browser opens to one host. */
const CONNECTIONS = 6;

/** An answer that told nothing new, one that did, and one that was refused. */
export type Told = "unchanged" | "changed" | "refused";
/** A busy service refuses requests, and stops reads after 5 seconds. */
const TOLD: Readonly<Record<number, Told>> = {
  200: "changed",
  304: "unchanged",
  422: "refused",
  503: "refused",
};

interface Answer {
  readonly status: number;
  readonly etag: string | undefined;
  readonly retrySeconds: number | undefined;
  readonly body: string;
}

/** What a tab asks for in one interval. */
interface Poll {
  readonly interval: Interval;
  readonly paths: () => readonly string[];
  /** What the page makes of an answer. */
  readonly take?: (answer: Answer) => void;
  readonly restPerAnswer?: number;
}

/**
 * The requests of one open tab of the dashboard, with the list on one side and the figures on the
 * other: the list every 2 s, `/overview` every 5 s, the number in the list every 10 s, the timeline
 * each minute, totals and `/stats` every 30 s. Each has the `ETag` of its last answer. As in the
 * page, all are slower after a minute without news. Disposing of it closes the tab.
 */
export class DashboardTab implements AsyncDisposable {
  readonly #url: string;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  readonly #tags = new Map<string, string>();
  readonly #around: Surroundings;
  readonly #quiet: Quiet;
  readonly #bells: Doorbell[] = [];
  readonly #cancelStarts: (() => void)[] = [];
  readonly #underWay = new Set<Promise<unknown>>();
  #failure: unknown;
  readonly told: Record<Told, number> = { unchanged: 0, changed: 0, refused: 0 };

  /**
   * `list` has the filters of its list. Each request begins at a random moment of its first
   * interval. With `times` all intervals are that much shorter.
   */
  constructor(url: string, list: Readonly<Record<string, string>>, times = 1) {
    this.#url = url;
    const now = () => performance.now() * times;
    this.#quiet = new Quiet(now);
    this.#around = {
      now,
      after: (ms, run) => {
        const timer = setTimeout(run, ms / times);
        return () => clearTimeout(timer);
      },
      isVisible: () => true,
      isQuiet: () => this.#quiet.isQuiet,
    };
    this.#quiet.onEnd(() => {
      for (const bell of this.#bells) bell.look();
    });
    for (const poll of this.#polls(list)) this.#begin(poll);
  }

  #polls(list: Readonly<Record<string, string>>): readonly Poll[] {
    const page = new URLSearchParams({ ...list, order: "desc", limit: "50", count: "none" });
    const count = new URLSearchParams({ ...list, order: "desc", limit: "1" });
    const openedMs = performance.now();
    const open = () => performance.now() - openedMs;
    const quiet = this.#quiet;
    return [
      {
        interval: LIST_INTERVAL,
        paths: () => [`/messages?${page}`],
        take: ({ etag }) => etag !== undefined && quiet.told("list", etag),
      },
      {
        interval: intervalOf(OVERVIEW_MS),
        paths: () => ["/overview"],
        take: ({ body }) => tellFigures(quiet, JSON.parse(body) as Overview),
        restPerAnswer: 0,
      },
      {
        interval: intervalOf(COUNT_MS),
        paths: () => [`/messages?${count}`],
        take: ({ etag }) => etag !== undefined && quiet.told("count", etag),
      },
      { interval: intervalOf(TIMELINE_MS), paths: () => [timelinePath(open())] },
      { interval: intervalOf(TOTALS_MS), paths: () => [...totalPaths(open()), "/stats"] },
    ];
  }

  #begin(poll: Poll): void {
    const { interval, restPerAnswer } = poll;
    const bell = new Doorbell(this.#around, () => this.#ring(poll), interval, restPerAnswer);
    this.#bells.push(bell);
    const firstMs = interval.quickMs * Math.random();
    this.#cancelStarts.push(this.#around.after(firstMs, () => bell.start()));
  }

  async #ring({ paths, take }: Poll): Promise<Ring> {
    const asking = Promise.all(paths().map((path) => this.#ask(path)));
    this.#underWay.add(asking);
    try {
      const answers = await asking;
      for (const answer of answers) if (answer.status === 200) take?.(answer);
      const busy = answers.find(({ status }) => status === 503);
      if (busy === undefined) return { kind: "answered" };
      const { retrySeconds } = busy;
      return retrySeconds === undefined ? { kind: "failed" } : { kind: "failed", retrySeconds };
    } catch (error) {
      // The caller gets it when it closes the tab.
      this.#failure ??= error;
      return { kind: "stop" };
    } finally {
      this.#underWay.delete(asking);
    }
  }

  async #ask(path: string): Promise<Answer> {
    const answer = await this.#get(path, this.#tags.get(path));
    const { status, etag } = answer;
    if (status === 200 && etag !== undefined) this.#tags.set(path, etag);
    const kind = TOLD[status];
    if (kind === undefined) throw new Error(`${path} was answered ${status}`);
    this.told[kind]++;
    return answer;
  }

  /** Like a browser, sends it again when the service closed an idle connection at that moment. */
  #get(path: string, tag: string | undefined): Promise<Answer> {
    const headers: Record<string, string> =
      tag === undefined ? {} : { "if-none-match": tag, "cache-control": "max-age=1" };
    return new Promise((resolve, reject) => {
      const request = get(`${this.#url}${path}`, { agent: this.#agent, headers }, (response) => {
        const { statusCode: status = 0, headers: given } = response;
        const retry = Number(given["retry-after"]);
        const retrySeconds = Number.isNaN(retry) ? undefined : retry;
        let body = "";
        response.setEncoding("utf8").on("data", (part: string) => {
          body += part;
        });
        response.on("error", reject);
        response.on("end", () => resolve({ status, etag: given.etag, retrySeconds, body }));
      });
      request.on("error", (error: NodeJS.ErrnoException) => {
        if (request.reusedSocket && error.code === "ECONNRESET") resolve(this.#get(path, tag));
        else reject(error);
      });
    });
  }

  /** Rejects when an answer had another status than those of {@link TOLD}. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const cancel of this.#cancelStarts) cancel();
    for (const bell of this.#bells) bell.stop();
    await Promise.allSettled(this.#underWay);
    this.#agent.destroy();
    if (this.#failure !== undefined) throw this.#failure;
  }
}

/** The last hour by the minute. The messages of the database end at a fixed moment. */
function timelinePath(openMs: number): string {
  const since = moment(openMs - HOUR_MS);
  return `/stats/timeline?${new URLSearchParams({ bucket: "minute", since, zone: ZONE })}`;
}

/** The number of messages since midnight, and a week before. */
function totalPaths(openMs: number): readonly string[] {
  const span = (since: number, until: number) =>
    new URLSearchParams({ since: moment(since), until: moment(until), limit: "1" });
  const day = [openMs - 10 * HOUR_MS, openMs] as const;
  return [span(...day), span(day[0] - WEEK_MS, day[1] - WEEK_MS)].map((one) => `/messages?${one}`);
}

function moment(afterFilledMs: number): string {
  const ms = 1_000 * Math.floor((FILLED_UNTIL_MS + afterFilledMs) / 1_000);
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}

import { within } from "../domain/clock.ts";
import { instantOf } from "../domain/timestamp.ts";
import type { Runtime } from "../runtime.ts";
import type { Store } from "../store/store.ts";

/** With fewer messages in a time span, their absence means nothing. */
const MESSAGES_MIN = 10;
const DAYS_BUSY_MIN = 3;
const DAYS_BETWEEN: readonly number[] = [1, 2, 3, 4, 5, 6];
const DAYS_PER_WEEK = 7;
const DAY_MS = 86_400_000;
/** How often the database is asked whether another process stored messages. */
const ASK_EVERY_MS = 60_000;
const USUAL_EVERY_MS = 300_000;
const STORE_MS_MAX = 2_000;
/** No span is longer than a day. */
const BUCKETS_MAX = 30;

export interface Silence {
  /** How long no message has arrived, according to this process. Undefined when the rule is off. */
  readonly ms: number | undefined;
  /** Whether a message has arrived since the process started. */
  readonly hasReceived: boolean;
  /** A longer silence is an alert. */
  readonly msMax: number;
  /** Whether messages usually arrive at this time of the week; undefined when that is unknown. */
  readonly unusual: boolean | undefined;
}

export interface SilenceWatchOptions extends Pick<Runtime, "clock"> {
  readonly store: Pick<Store, "stats" | "timeline">;
  /** The number of messages that this process has taken. */
  readonly received: () => number;
  /** A longer silence is an alert; undefined turns the rule off. */
  readonly msMax: number | undefined;
}

/**
 * Measures how long no message has arrived, and whether that is unusual. The time is counted from
 * the start of the process. What is usual comes from the timeline of the stored messages: the same
 * time of day a week ago, and on the days since.
 */
export class SilenceWatch {
  readonly #options: SilenceWatchOptions;
  #receivedMs: number;
  #receivedAny = false;
  #received = 0;
  #total: number | undefined;
  #checkedMs = Number.NEGATIVE_INFINITY;
  #unusual: boolean | undefined;
  #unusualAskedMs = Number.NEGATIVE_INFINITY;

  constructor(options: SilenceWatchOptions) {
    this.#options = options;
    this.#receivedMs = options.clock.monotonic();
  }

  async measure(): Promise<Silence> {
    const { clock, msMax } = this.#options;
    if (msMax === undefined) return { ms: undefined, hasReceived: false, msMax: 0, unusual: false };
    const nowMs = clock.monotonic();
    const received = this.#options.received();
    if (received > this.#received) this.#noteReceived(nowMs);
    else if (nowMs - Math.max(this.#receivedMs, this.#checkedMs) >= ASK_EVERY_MS)
      await this.#checkOtherProcesses(nowMs);
    this.#received = received;
    const ms = nowMs - this.#receivedMs;
    if (ms >= msMax && nowMs - this.#unusualAskedMs >= USUAL_EVERY_MS) {
      this.#unusualAskedMs = nowMs;
      this.#unusual = await this.#inTime(this.#isUnusual(msMax));
    }
    return { ms, hasReceived: this.#receivedAny, msMax, unusual: this.#unusual };
  }

  #noteReceived(nowMs: number): void {
    this.#receivedMs = nowMs;
    this.#receivedAny = true;
    this.#unusual = undefined;
    this.#unusualAskedMs = Number.NEGATIVE_INFINITY;
  }

  /**
   * Replicas store messages in the same database. Deletions can make the total smaller, never
   * larger.
   */
  async #checkOtherProcesses(nowMs: number): Promise<void> {
    this.#checkedMs = nowMs;
    const total = (await this.#inTime(this.#options.store.stats()))?.total;
    if (total === undefined) return;
    if (this.#total !== undefined && total > this.#total) this.#noteReceived(nowMs);
    this.#total = total;
  }

  async #isUnusual(msMax: number): Promise<boolean> {
    if (!(await this.#wasBusy(DAYS_PER_WEEK, msMax))) return false;
    let busy = 0;
    for (const days of DAYS_BETWEEN) {
      if (await this.#wasBusy(days, msMax)) busy++;
      if (busy >= DAYS_BUSY_MIN) return true;
    }
    return false;
  }

  /**
   * Whether messages arrived this number of days ago, at the time of day of the current silence.
   */
  async #wasBusy(days: number, msMax: number): Promise<boolean> {
    const untilMs = this.#options.clock.now() - days * DAY_MS;
    const at = (ms: number) => instantOf(new Date(ms).toISOString());
    const span = { since: at(untilMs - msMax), until: at(untilMs) };
    const buckets = await this.#options.store.timeline({
      bucket: "hour",
      ...span,
      bucketsMax: BUCKETS_MAX,
    });
    return buckets.reduce((sum, { count }) => sum + count, 0) >= MESSAGES_MIN;
  }

  /** Undefined when the database does not answer in time. */
  async #inTime<T>(asked: Promise<T>): Promise<T | undefined> {
    return within(this.#options.clock, STORE_MS_MAX, asked).catch(() => undefined);
  }
}

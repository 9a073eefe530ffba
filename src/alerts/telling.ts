import type { Log } from "../observe/log.ts";
import type { AlertResult, Metrics } from "../observe/metrics.ts";
import type { AlertNotice } from "../store/alerts.ts";
import type { Firing, Moment } from "./hysteresis.ts";
import type { PostResult } from "./post.ts";
import type { Rule } from "./rules.ts";
import type { AlertMessage, Target } from "./target.ts";

const RETRY_MS_FIRST = 4_000;
const RETRY_MS_MAX = 60_000;
/** Until then an endpoint that is down is tried again and again. */
const GIVE_UP_MS = 60 * 60 * 1_000;
/** While nothing can be asked, another process may have ended what still fires here: it is opened again. */
const REPEAT_MS = 10 * 60 * 1_000;

/** What the process knows about a rule in one look. */
export interface Wanted {
  readonly firing: Firing | undefined;
  readonly mayTrigger: boolean;
  readonly mayResolve: boolean;
  /** The database does not say what other processes know and told. */
  readonly away: boolean;
}

export interface TellingOptions {
  readonly rule: Rule;
  readonly target: Target;
  readonly key: string;
  readonly startedMs: number;
  /** Between 0 and 1. */
  readonly random: () => number;
  readonly now: () => Moment;
  readonly log: Log;
  readonly metrics: Pick<Metrics, "alertNotifications">;
  /** Called when somebody was told something, so that it can be written down at once. */
  readonly told: () => void;
}

interface Series {
  readonly event: AlertMessage["event"];
  readonly endMs: number;
  attempts: number;
  notBeforeMs: number;
  over: boolean;
}

/** One rule and one target: makes what the target was told last be what is so, with one request under way at most. */
export class Telling {
  readonly #options: TellingOptions;
  #firing = false;
  #toldMs = 0;
  /** An incident may be open there that nobody here knows of: see {@link doubt}, or no answer came. */
  #unsure = false;
  #unwritten = false;
  #last: Firing | undefined;
  #series: Series | undefined;
  #running: Promise<void> | undefined;

  constructor(options: TellingOptions) {
    this.#options = options;
  }

  get target(): AlertNotice["target"] {
    return this.#options.target.name;
  }

  get mergesRepeats(): boolean {
    return this.#options.target.mergesRepeats;
  }

  /** Whether the target was told that it fires. */
  get firing(): boolean {
    return this.#firing;
  }

  /** What it told and what is not known to be written down. */
  get unwritten(): AlertNotice | undefined {
    const { rule, target } = this.#options;
    const at = new Date(this.#toldMs).toISOString();
    return this.#unwritten ? { rule: rule.name, target: target.name, firing: this.#firing, at } : undefined;
  }

  /** Whether an incident may be open there that is not written down. */
  get unsure(): boolean {
    return this.#unsure;
  }

  /** A process before this one may have told something that it could not write down. Only where it does nothing otherwise is the end of it told. */
  doubt(): void {
    if (this.mergesRepeats) this.#unsure = true;
  }

  /** Takes in what was written down, by any process. */
  learn({ firing, at }: AlertNotice): void {
    const atMs = Date.parse(at);
    if (this.#unwritten && atMs >= this.#toldMs) this.#unwritten = false;
    if (atMs <= this.#toldMs) return;
    this.#firing = firing;
    this.#toldMs = atMs;
    if (atMs >= this.#options.startedMs) this.#unsure = false;
  }

  /** Begins a request when one is due. */
  step(wanted: Wanted, signal: AbortSignal): void {
    this.#last = wanted.firing ?? this.#last;
    if (this.#running !== undefined) return;
    const event = this.#needed(wanted);
    if (event === undefined) {
      this.#series = undefined;
      return;
    }
    const { monotonicMs } = this.#options.now();
    if (this.#series?.event !== event)
      this.#series = { event, endMs: monotonicMs + GIVE_UP_MS, attempts: 0, notBeforeMs: monotonicMs, over: false };
    if (this.#series.over || monotonicMs < this.#series.notBeforeMs) return;
    this.#running = this.#attempt(this.#series, signal).finally(() => {
      this.#running = undefined;
    });
  }

  /** Resolves when no request is under way. */
  async settled(): Promise<void> {
    await this.#running;
  }

  #needed({ firing, mayTrigger, mayResolve, away }: Wanted): AlertMessage["event"] | undefined {
    if (firing === undefined) return mayResolve && (this.#firing || this.#unsure) ? "resolve" : undefined;
    const repeats = away && this.#options.target.mergesRepeats;
    const old = this.#options.now().nowMs - this.#toldMs >= REPEAT_MS;
    return mayTrigger && (!this.#firing || (repeats && old)) ? "trigger" : undefined;
  }

  async #attempt(series: Series, signal: AbortSignal): Promise<void> {
    const { rule, target, key, now } = this.#options;
    const { nowMs } = now();
    const { summary, sinceMs } = this.#last ?? { summary: rule.name, sinceMs: nowMs };
    const result = await target.tell({ event: series.event, key, rule, summary, sinceMs, nowMs }, signal);
    switch (result.kind) {
      case "taken":
        return this.#taken(series, nowMs);
      case "refused":
        return this.#refused(series, result);
      case "failed":
        return this.#failed(series, result);
    }
  }

  #taken({ event, attempts, endMs }: Series, nowMs: number): void {
    const { log, told, now } = this.#options;
    const outageMs = Math.round(now().monotonicMs - (endMs - GIVE_UP_MS));
    // In doubt it is sent to be on the safe side, and as a rule there is nothing to end.
    const level = event === "resolve" && !this.#firing ? "debug" : "info";
    log[level]({ msg: "alert told", ...this.#names(), event, ...(attempts > 0 && { outage_ms: outageMs }) });
    this.#count("sent");
    this.#firing = event === "trigger";
    // Of two notices the newer counts, also when both are of one millisecond.
    this.#toldMs = Math.max(nowMs, this.#toldMs + 1);
    this.#unsure = false;
    this.#unwritten = true;
    told();
  }

  #refused(series: Series, { status, words }: PostResult & { kind: "refused" }): void {
    const { log, target } = this.#options;
    series.over = true;
    this.#count("refused");
    log.error({
      msg: `alert refused: ${target.whenRefused}; lyftr alerts test tries it`,
      ...this.#names(),
      event: series.event,
      status,
      answer: words,
    });
  }

  #failed(series: Series, { reason, retryAfterMs, perhapsTaken }: PostResult & { kind: "failed" }): void {
    const { log, now, random } = this.#options;
    if (series.event === "trigger" && perhapsTaken) this.#unsure = true;
    const { monotonicMs } = now();
    const limitMs = Math.min(RETRY_MS_MAX, RETRY_MS_FIRST * 2 ** series.attempts);
    series.attempts++;
    series.notBeforeMs = monotonicMs + Math.max(retryAfterMs, limitMs * (0.5 + random() / 2));
    series.over = series.notBeforeMs > series.endMs;
    this.#count(series.over ? "gave_up" : "failed");
    const line = { ...this.#names(), event: series.event, reason, attempts: series.attempts };
    if (series.over) log.error({ msg: "alert could not be told, giving up", ...line });
    else if (series.attempts === 1) log.warn({ msg: "alert could not be told, trying again", ...line });
  }

  #count(result: AlertResult): void {
    this.#options.metrics.alertNotifications.inc({ target: this.#options.target.name, result });
  }

  #names() {
    return { rule: this.#options.rule.name, target: this.#options.target.name };
  }
}

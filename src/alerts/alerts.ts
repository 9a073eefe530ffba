import { within } from "../domain/clock.ts";
import { failureInWords } from "../domain/failure-words.ts";
import type { Runtime } from "../runtime.ts";
import type { AlertNotice, AlertState, AlertStore, AlertVote } from "../store/alerts.ts";
import type { Figures } from "./figures.ts";
import { type Firing, Hysteresis, type Moment } from "./hysteresis.ts";
import { Notifier } from "./notifier.ts";
import { evaluateRule, RULES, type Rule, type RuleEvaluation } from "./rules.ts";
import type { AlertMessage, Target } from "./targets.ts";
import { firingOf, voteOf } from "./votes.ts";

const EVALUATE_EVERY_MS = 5_000;
/** A database that hangs must not delay the alert about it. */
const EXCHANGE_MS_MAX = 3_000;
/**
 * After this time as leader, a process notifies chats. Until then other processes store the notices
 * that they sent while the database was down.
 */
const CHAT_AFTER_LEADING_MS = 20_000;
/**
 * After this time as leader, a resolve is sent to a target of unknown state if the rule is calm.
 * Until then the rule may still fire in this process or another one.
 */
const SETTLED_AFTER_LEADING_MS = 60_000;
/** After this time without the database, another process may have died or ended this incident. */
const WITHOUT_DATABASE_MS_MAX = 10 * 60 * 1_000;
/**
 * A process that started just before the alert ended votes once more for the alert that it took
 * over. If it dies then, its vote counts for another minute. Within this time after the end, such a
 * vote is not a new alert.
 */
const REPEAT_AFTER_MS = 70_000;
const STOP_MS_MAX = 3_000;

/**
 * A leader stores this notice. It deletes the notice when it stops and every other notice is
 * stored.
 */
const LEADER_NOTICE = { rule: "at_work", target: "itself" };

export interface AlertsOptions extends Pick<Runtime, "clock" | "log" | "metrics" | "random"> {
  readonly store: AlertStore;
  /** Measures this process. Resolves within seconds. */
  readonly measure: (atMs: number) => Promise<Figures>;
  /** Empty in a process that leaves notifications to another process of the same service. */
  readonly targets: readonly Target[];
  /** The id of this process. */
  readonly holder: string;
  /** The host name of the machine. */
  readonly host: string;
  /** Identifies the database. */
  readonly databaseId: string;
}

interface RuleState {
  readonly rule: Rule;
  readonly key: string;
  /** The state of the rule in this process. */
  readonly own: Hysteresis;
  readonly notifiers: readonly Notifier[];
  /** The alert that fires now, or the last one. */
  last: Firing | undefined;
  shown: boolean;
}

/**
 * Evaluates the rules every few seconds and shares the result with the other processes of the
 * database. The leader among the processes notifies the targets.
 */
export class Alerts {
  readonly #options: AlertsOptions;
  readonly #rules: readonly RuleState[];
  readonly #notifiers: readonly Notifier[];
  readonly #running: Promise<void>;
  readonly #stopped = Promise.withResolvers<void>();
  #stopping = false;
  #leaving = false;
  #pause = new AbortController();
  /** Aborts requests that are still under way some time after the stop. */
  readonly #aborting = new AbortController();
  #exchanging = false;
  /** The last answer of the database. */
  #state: AlertState | undefined;
  #exchangedMs: number;
  /** Whether the last exchange with the database failed. */
  #isDatabaseDown = false;
  #leadsSinceMs = 0;

  constructor(options: AlertsOptions) {
    this.#options = options;
    const { targets, databaseId } = options;
    this.#exchangedMs = options.clock.monotonic();
    const wake = () => this.#pause.abort();
    this.#rules = RULES.map((rule) => ({
      rule,
      key: `lyftr-${databaseId}-${rule.name}`,
      own: new Hysteresis(),
      notifiers: targets.map(
        (target) => new Notifier({ ...options, rule: rule.name, target, delivered: wake }),
      ),
      last: undefined,
      shown: false,
    }));
    this.#notifiers = this.#rules.flatMap(({ notifiers }) => notifiers);
    this.#running = this.#run();
  }

  /**
   * Resolves when no request is under way and the notices are stored, or the database is
   * unavailable.
   */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#stopped.resolve();
    this.#pause.abort();
    await this.#running;
  }

  /** The alerts that fire in this process. */
  get votes(): readonly AlertVote[] {
    return this.#rules.flatMap(voteOf);
  }

  async #run(): Promise<void> {
    const { clock, log } = this.#options;
    while (!this.#stopping) {
      this.#pause = new AbortController();
      try {
        // When the database hangs, an evaluation takes seconds. Stopping does not wait for it.
        await Promise.race([this.#runOnce(), this.#stopped.promise]);
      } catch (error) {
        log.error({ msg: "evaluating the alerts failed", error: failureInWords(error) });
      }
      await clock.sleep(EVALUATE_EVERY_MS, this.#pause.signal).catch(() => undefined);
    }
    await this.#leave();
  }

  async #runOnce(): Promise<void> {
    const figures = await this.#options.measure(this.#options.clock.monotonic());
    const at = this.#now();
    for (const { rule, own } of this.#rules) own.update(this.#evaluate(rule, figures), at);
    await this.#exchange();
    if (this.#stopping) return;
    for (const one of this.#rules) {
      this.#show(one);
      for (const notifier of one.notifiers)
        notifier.step(this.#messageFor(one, notifier), this.#aborting.signal);
    }
  }

  #evaluate(rule: Rule, figures: Figures): RuleEvaluation {
    const evaluation = evaluateRule(rule, figures);
    if (evaluation.kind !== "bad") return evaluation;
    return { kind: "bad", summary: `${this.#options.host} ${evaluation.summary}` };
  }

  /** Stores the votes and notices of this process, and takes over those of the others. */
  async #exchange(): Promise<void> {
    this.#isDatabaseDown = true;
    if (this.#exchanging) return;
    this.#exchanging = true;
    const { store, clock, holder, targets } = this.#options;
    const notices = this.#notifiers.flatMap(({ unstored }) => unstored ?? []);
    const asked = store
      .exchange({
        holder,
        nowMs: clock.now(),
        mayLead: targets.length > 0 && !this.#leaving,
        votes: this.votes,
        notices: [...notices, ...this.#leaderNotice()],
      })
      .catch(() => undefined)
      .finally(() => {
        this.#exchanging = false;
      });
    const state = await within(clock, EXCHANGE_MS_MAX, asked);
    if (state !== undefined) this.#adopt(state);
  }

  /** See {@link LEADER_NOTICE}. */
  #leaderNotice(): readonly AlertNotice[] {
    if (this.#state?.leads !== true) return [];
    const unknown = this.#notifiers.some(({ lastSent }) => lastSent === "unknown");
    if (this.#leaving ? unknown : hasActiveLeader(this.#state)) return [];
    const at = new Date(this.#options.clock.now()).toISOString();
    return [{ ...LEADER_NOTICE, firing: !this.#leaving, at }];
  }

  #adopt(state: AlertState): void {
    this.#isDatabaseDown = false;
    this.#exchangedMs = this.#options.clock.monotonic();
    const before = this.#state;
    this.#state = state;
    for (const notifier of this.#notifiers) notifier.adopt(state.notices);
    if (before === undefined) this.#inherit(state);
    else this.#endInherited(state);
    if (!state.leads || before?.leads) return;
    this.#leadsSinceMs = this.#exchangedMs;
    if (hasActiveLeader(state)) for (const notifier of this.#notifiers) notifier.markUnknown();
  }

  /**
   * An alert that fired before this process started continues until the rule has been good for long
   * enough.
   */
  #inherit({ notices }: AlertState): void {
    for (const { rule, own } of this.#rules) {
      if (!notices.some((notice) => notice.rule === rule.name && notice.firing)) continue;
      const summary = `${rule.name}, since before a restart`;
      own.inherit(firingOf(this.#state, rule) ?? { summary, sinceMs: this.#now().nowMs });
    }
  }

  /**
   * The end was sent before this process could vote for the alert. Its vote would begin the alert
   * again.
   */
  #endInherited({ notices }: AlertState): void {
    for (const { rule, own } of this.#rules) {
      const isOver = notices.every((notice) => notice.rule !== rule.name || !notice.firing);
      if (isOver) own.endInherited();
    }
  }

  /** The message that is due for this target, if any. */
  #messageFor(one: RuleState, notifier: Notifier): AlertMessage | undefined {
    const { rule, key, own } = one;
    const firing = own.firing ?? (this.#isDatabaseDown ? undefined : firingOf(this.#state, rule));
    one.last = firing ?? one.last;
    const isDue =
      firing === undefined ? this.#isResolveDue(own, notifier) : this.#isTriggerDue(notifier);
    if (!isDue) return undefined;
    const { nowMs } = this.#now();
    const { summary, sinceMs } = one.last ?? { summary: rule.name, sinceMs: nowMs };
    const event = firing === undefined ? "resolve" : "trigger";
    return { event, key, rule, summary, sinceMs, nowMs };
  }

  /**
   * With the database, the leader sends. Without it, no process knows whether it leads. Then every
   * process sends to targets that merge repeats, and only the last leader sends to a chat, for as
   * long as its lease may be valid.
   */
  #isTriggerDue({ target, lastSent, sentAgoMs }: Notifier): boolean {
    const leads = this.#state?.leads === true;
    const { monotonicMs } = this.#now();
    if (lastSent === "over" && sentAgoMs < REPEAT_AFTER_MS) return false;
    if (target.mergesRepeats) {
      const isOld = this.#isDatabaseDown && sentAgoMs >= WITHOUT_DATABASE_MS_MAX;
      return (leads || this.#isDatabaseDown) && (lastSent !== "firing" || isOld);
    }
    const knows = leads && monotonicMs - this.#leadsSinceMs >= CHAT_AFTER_LEADING_MS;
    return (
      lastSent !== "firing" && (knows || monotonicMs - this.#exchangedMs >= WITHOUT_DATABASE_MS_MAX)
    );
  }

  /** Without the database, no process knows whether the alert has ended for the others. */
  #isResolveDue(own: Hysteresis, { lastSent }: Notifier): boolean {
    if (this.#isDatabaseDown || this.#state?.leads !== true || lastSent === "over") return false;
    const leadingMs = this.#options.clock.monotonic() - this.#leadsSinceMs;
    return lastSent === "firing" || (own.isCalm && leadingMs >= SETTLED_AFTER_LEADING_MS);
  }

  #show(one: RuleState): void {
    const { log, metrics } = this.#options;
    const { name } = one.rule;
    const firing = one.own.firing ?? firingOf(this.#state, one.rule);
    metrics.alertsFiring.set({ rule: name }, firing === undefined ? 0 : 1);
    if ((firing !== undefined) === one.shown) return;
    one.shown = firing !== undefined;
    if (firing === undefined) log.info({ msg: "alert is over", rule: name });
    else log.warn({ msg: "alert fires", rule: name, summary: firing.summary });
  }

  async #leave(): Promise<void> {
    const settled = () => Promise.all(this.#notifiers.map((notifier) => notifier.settled()));
    await within(this.#options.clock, STOP_MS_MAX, settled());
    this.#aborting.abort();
    await settled();
    this.#leaving = true;
    await this.#exchange();
  }

  #now(): Moment {
    const { clock } = this.#options;
    return { nowMs: clock.now(), monotonicMs: clock.monotonic() };
  }
}

/** Whether a leader is running, or has ended before it stored all its notices. */
function hasActiveLeader({ notices }: AlertState): boolean {
  return notices.some(({ rule, firing }) => rule === LEADER_NOTICE.rule && firing);
}

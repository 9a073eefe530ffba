import { type Clock, within } from "../domain/clock.ts";
import { failureInWords } from "../domain/failure-words.ts";
import type { Log } from "../observe/log.ts";
import type { Metrics } from "../observe/metrics.ts";
import type { AlertNotice, AlertState, AlertStore, AlertVote } from "../store/alerts.ts";
import type { Figures } from "./figures.ts";
import { type Firing, Hysteresis, type Moment, type Verdict } from "./hysteresis.ts";
import { RULES, type Rule, verdictOf } from "./rules.ts";
import type { Target } from "./target.ts";
import { Telling, type Wanted } from "./telling.ts";

const LOOK_EVERY_MS = 5_000;
/** A database that hangs shall not hold up what has to be told of it. */
const EXCHANGE_MS_MAX = 3_000;
/** Before that nobody is told that all is well: what is wrong may not have been found yet. */
const SETTLED_MS = 60_000;
/**
 * Without the database processes cannot agree who tells. A target that makes two of what is told twice is told by the one that told last; by
 * the others only when it has lasted so long that the one may be gone too.
 */
const UNLED_MS = 10 * 60 * 1_000;
/** When the database is back, so long passes until everybody has written down what they told meanwhile. */
const RETURNING_MS = 20_000;
const STOP_MS_MAX = 3_000;
const STEP_DOWN_MS_MAX = 1_000;

/** A notice to the next that tells, and to nobody outside: whoever wrote it told all it wrote down, and no more, only if it took this back. */
const AT_WORK = { rule: "at_work", target: "itself" };

export interface AlertsOptions {
  readonly store: AlertStore;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Pick<Metrics, "alertsFiring" | "alertNotifications">;
  /** What this process finds about itself. It answers within seconds. */
  readonly look: (atMs: number) => Promise<Figures>;
  /** Whom this process may tell; none when another of the same service does. */
  readonly targets: readonly Target[];
  /** Which process this is. */
  readonly holder: string;
  /** The machine it runs on. */
  readonly host: string;
  /** Tells the database from every other. */
  readonly databaseId: string;
  /** Between 0 and 1. */
  readonly random: () => number;
}

/** Names one rule of one installation to whoever is told: the same in every process and after every restart. */
export function alertKey(databaseId: string, rule: string): string {
  return `lyftr-${databaseId}-${rule}`;
}

interface RuleState {
  readonly rule: Rule;
  /** As this process sees it. */
  readonly own: Hysteresis;
  readonly tellings: readonly Telling[];
}

/** Looks every few seconds, agrees with the other processes of the database on what fires, and tells. Nothing waits for it. */
export class Alerts {
  readonly #options: AlertsOptions;
  readonly #rules: readonly RuleState[];
  readonly #stopping = new AbortController();
  readonly #stopped = Promise.withResolvers<void>();
  /** Ends requests under way, some time after {@link #stopping}. */
  readonly #cutting = new AbortController();
  readonly #startedMs: number;
  readonly #running: Promise<void>;
  readonly #shown = new Set<string>();
  #exchanging: Promise<unknown> | undefined;
  #woken = false;
  #wake = () => {};
  /** What was agreed on when that was last possible. */
  #agreed: AlertState | undefined;
  #agreedMs: number;
  #alone = false;
  /** Before that, another process may have told what is not written down yet. */
  #unknownUntilMs = Number.NEGATIVE_INFINITY;

  constructor(options: AlertsOptions) {
    this.#options = options;
    const { clock, targets, log, metrics, random, databaseId } = options;
    this.#startedMs = clock.monotonic();
    this.#agreedMs = this.#startedMs;
    const common = {
      log,
      metrics,
      random,
      startedMs: clock.now(),
      now: () => this.#now(),
      told: () => this.#lookAgain(),
    };
    this.#rules = RULES.map((rule) => ({
      rule,
      own: new Hysteresis(),
      tellings: targets.map((target) => new Telling({ ...common, rule, target, key: alertKey(databaseId, rule.name) })),
    }));
    this.#running = this.#run();
  }

  /** Resolves when the requests under way are done or given up, and what was told is written down if that can be. Safe twice. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#stopped.resolve();
    this.#wake();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      this.#woken = false;
      try {
        // A database that hangs holds a look up for seconds, and nobody waits for those of a service that ends.
        await Promise.race([this.#look(), this.#stopped.promise]);
      } catch (error) {
        this.#options.log.error({ msg: "looking for alerts failed", error: failureInWords(error) });
      }
      await this.#pause();
    }
    await this.#leave();
  }

  async #pause(): Promise<void> {
    if (this.#stopping.signal.aborted || this.#woken) return;
    const waking = new AbortController();
    this.#wake = () => waking.abort();
    await this.#options.clock.sleep(LOOK_EVERY_MS, waking.signal).catch(() => undefined);
    this.#wake = () => {};
  }

  #lookAgain(): void {
    this.#woken = true;
    this.#wake();
  }

  async #look(): Promise<void> {
    const figures = await this.#options.look(this.#options.clock.monotonic());
    const at = this.#now();
    for (const { rule, own } of this.#rules) own.look(this.#judge(rule, figures), at);
    const state = await this.#exchange();
    if (this.#stopping.signal.aborted) return;
    if (state === undefined) this.#alone = true;
    else this.#learn(state);
    for (const one of this.#rules) {
      this.#show(one);
      for (const telling of one.tellings) {
        const wanted =
          state === undefined ? this.#wantedAlone(one, telling) : this.#wantedTogether(one, telling, state);
        telling.step(wanted, this.#cutting.signal);
      }
    }
  }

  #judge(rule: Rule, figures: Figures): Verdict {
    const verdict = verdictOf(rule, figures);
    return verdict.kind === "bad" ? { ...verdict, summary: `${this.#options.host} ${verdict.summary}` } : verdict;
  }

  /** What all processes found and told, or undefined when the database does not say in time. */
  async #exchange(notice: readonly AlertNotice[] = this.#atWork()): Promise<AlertState | undefined> {
    if (this.#exchanging !== undefined) return undefined;
    const { store, clock, holder, targets } = this.#options;
    const asked = store.exchange({
      holder,
      nowMs: clock.now(),
      mayLead: targets.length > 0,
      votes: this.#rules.flatMap(voteOf),
      notices: [...this.#tellings().flatMap(({ unwritten }) => unwritten ?? []), ...notice],
    });
    const answered = asked.then(
      (state) => state,
      () => undefined,
    );
    this.#exchanging = answered.then(() => {
      this.#exchanging = undefined;
    });
    return within(clock, EXCHANGE_MS_MAX, answered);
  }

  #learn(state: AlertState): void {
    const begins = state.leads && this.#agreed?.leads !== true;
    if (begins && isAtWork(state)) for (const telling of this.#tellings()) telling.doubt();
    for (const { rule, own, tellings } of this.#rules) {
      for (const telling of tellings) {
        const notice = state.notices.find((one) => one.rule === rule.name && one.target === telling.target);
        if (notice !== undefined) telling.learn(notice);
      }
      if (this.#agreed === undefined && tellings.some(({ firing }) => firing))
        own.inherit(
          firingOf(state, rule) ?? { summary: `${rule.name}, since before a restart`, sinceMs: this.#now().nowMs },
        );
    }
    const nowMs = this.#options.clock.monotonic();
    // Whoever led knows what was told: the others left it alone.
    if (this.#alone && this.#agreed?.leads === false) this.#unknownUntilMs = nowMs + RETURNING_MS;
    this.#alone = false;
    this.#agreed = state;
    this.#agreedMs = nowMs;
  }

  /** One process of all tells what any of them finds. */
  #wantedTogether({ rule, own }: RuleState, telling: Telling, state: AlertState): Wanted {
    const firing = own.firing ?? firingOf(state, rule);
    const settled = own.calm && this.#options.clock.monotonic() - this.#startedMs >= SETTLED_MS;
    const { leads } = state;
    const knows = telling.mergesRepeats || this.#options.clock.monotonic() >= this.#unknownUntilMs;
    return { firing, away: false, mayTrigger: leads && knows, mayResolve: leads && (telling.firing || settled) };
  }

  /** Each tells what it finds itself. That something is over only all together can say. */
  #wantedAlone({ own }: RuleState, telling: Telling): Wanted {
    const unledMs = this.#options.clock.monotonic() - this.#agreedMs;
    const mayTrigger = telling.mergesRepeats || this.#agreed?.leads === true || unledMs >= UNLED_MS;
    return { firing: own.firing, away: true, mayTrigger, mayResolve: false };
  }

  #show({ rule, own }: RuleState): void {
    const firing = own.firing ?? (this.#agreed && firingOf(this.#agreed, rule));
    this.#options.metrics.alertsFiring.set({ rule: rule.name }, firing === undefined ? 0 : 1);
    if ((firing !== undefined) === this.#shown.has(rule.name)) return;
    if (firing === undefined) this.#shown.delete(rule.name);
    else this.#shown.add(rule.name);
    if (firing === undefined) this.#options.log.info({ msg: "alert is over", rule: rule.name });
    else this.#options.log.warn({ msg: "alert fires", rule: rule.name, summary: firing.summary });
  }

  async #leave(): Promise<void> {
    const { clock, store, holder, targets } = this.#options;
    const tellings = this.#tellings();
    const settled = () => Promise.all(tellings.map((telling) => telling.settled()));
    await within(clock, STOP_MS_MAX, settled());
    this.#cutting.abort();
    await settled();
    const workDone = this.#workDone();
    if (workDone.length > 0 || tellings.some(({ unwritten }) => unwritten !== undefined))
      await this.#exchange(workDone);
    if (targets.length === 0) return;
    await within(
      clock,
      STEP_DOWN_MS_MAX,
      store.stepDown(holder).catch(() => undefined),
    );
  }

  #tellings(): readonly Telling[] {
    return this.#rules.flatMap(({ tellings }) => tellings);
  }

  #atWork(): readonly AlertNotice[] {
    if (this.#agreed?.leads !== true || isAtWork(this.#agreed)) return [];
    return [{ ...AT_WORK, firing: true, at: new Date(this.#options.clock.now()).toISOString() }];
  }

  #workDone(): readonly AlertNotice[] {
    if (this.#agreed?.leads !== true || this.#tellings().some(({ unsure }) => unsure)) return [];
    return [{ ...AT_WORK, firing: false, at: new Date(this.#options.clock.now()).toISOString() }];
  }

  #now(): Moment {
    const { clock } = this.#options;
    return { nowMs: clock.now(), monotonicMs: clock.monotonic() };
  }
}

/** Whether somebody tells, or ended without having written down all of it. */
function isAtWork({ notices }: AlertState): boolean {
  return notices.some(({ rule, target, firing }) => rule === AT_WORK.rule && target === AT_WORK.target && firing);
}

function voteOf({ rule, own: { firing } }: RuleState): readonly AlertVote[] {
  if (firing === undefined) return [];
  return [{ rule: rule.name, summary: firing.summary, since: new Date(firing.sinceMs).toISOString() }];
}

/** What the processes together say: the one that began first has the word. */
function firingOf({ votes }: AlertState, rule: Rule): Firing | undefined {
  const vote = votes.find((one) => one.rule === rule.name);
  return vote && { summary: vote.summary, sinceMs: Date.parse(vote.since) };
}

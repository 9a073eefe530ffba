import { Alerts, type AlertsOptions } from "../../src/alerts/alerts.ts";
import type { Figures } from "../../src/alerts/figures.ts";
import type { PostResult } from "../../src/alerts/post.ts";
import { shownOnly } from "../../src/alerts/shown-alerts.ts";
import type { AlertMessage, Target } from "../../src/alerts/targets.ts";
import { StoreUnavailable } from "../../src/domain/errors.ts";
import { createLog } from "../../src/observe/log.ts";
import { type AlertTarget, createMetrics } from "../../src/observe/metrics.ts";
import {
  type AlertNotice,
  type AlertReport,
  type AlertState,
  type AlertStore,
  type AlertVote,
  LEADER_SECONDS,
  VOTE_SECONDS,
} from "../../src/store/alerts.ts";
import { HandClock } from "./hand-clock.ts";
import type { LogLine } from "./service.ts";

const NONE = { answered: 0, failed: 0 };
const SILENCE = { ms: undefined, hasReceived: false, msMax: 0, unusual: undefined };
export const WELL: Figures = {
  notReady: null,
  lastMinute: NONE,
  justNow: NONE,
  queueAgeMs: 0,
  silence: SILENCE,
  disk: { freeBytes: 1e12, sizeBytes: 2e12 },
};
export const NOT_READY: Figures = { ...WELL, notReady: "database not ready" };
/** A slow database answers after this time, with its state at the start. */
const SLOW_MS = 2_000;
const CUT: PostResult = {
  kind: "failed",
  reason: "AbortError",
  retryAfterMs: 0,
  isOutcomeUnknown: true,
};
export const TAKEN: PostResult = { kind: "taken", status: 202, words: "" };

/** A message in a test's form, with the second in which it was sent. */
export type Told = string;

/** A target of notifications: answers as the test says, and remembers what it accepted. */
export class Listener implements Target {
  readonly name: AlertTarget;
  readonly mergesRepeats: boolean;
  readonly whenRefused = "check the target";
  readonly told: Told[] = [];
  readonly messages: AlertMessage[] = [];
  answer: (message: AlertMessage) => PostResult | Promise<PostResult> = () => TAKEN;
  attempts = 0;
  readonly #clock: HandClock;

  constructor(name: AlertTarget, clock: HandClock) {
    this.name = name;
    this.mergesRepeats = name === "pagerduty";
    this.#clock = clock;
  }

  async send(message: AlertMessage, signal: AbortSignal): Promise<PostResult> {
    this.attempts++;
    const cut = new Promise<PostResult>((resolve) =>
      signal.addEventListener("abort", () => resolve(CUT)),
    );
    const result = await Promise.race([this.answer(message), cut]);
    if (result.kind === "taken") {
      this.messages.push(message);
      this.told.push(`${this.#clock.monotonic() / 1_000} ${message.event} ${message.rule.name}`);
    }
    return result;
  }
}

/** One process of the service. */
export interface AlertProcess {
  figures: Figures;
  /** Whether the database fails for it. */
  away: "no" | "slow" | "refuses" | "hangs";
  readonly lines: readonly LogLine[];
  readonly alerts: Alerts;
  /** Ends like with `kill -9`: it does nothing any more. */
  kill(): void;
  metric(text: string): Promise<string | undefined>;
}

/** One database, two targets, and any number of processes, on a clock that the test moves. */
export class AlertWorld {
  readonly clock = new HandClock();
  readonly pagerduty = new Listener("pagerduty", this.clock);
  readonly chat = new Listener("webhook", this.clock);
  readonly #votes = new Map<
    string,
    AlertVote & { readonly holder: string; readonly untilMs: number }
  >();
  readonly #notices = new Map<string, AlertNotice>();
  #leader = { holder: "", untilMs: 0 };
  #processes = 0;
  exchanges = 0;

  /** `tells: "shows"` is a process of a service without targets. */
  start(
    figures: Figures = WELL,
    { tells = true }: { readonly tells?: boolean | "shows" } = {},
  ): AlertProcess {
    const holder = `p${++this.#processes}`;
    const lines: LogLine[] = [];
    const metrics = createMetrics({ version: "test", node: "test" });
    let dead = false;
    const never = new Promise<never>(() => undefined);
    const target = (listener: Listener): Target => ({
      name: listener.name,
      mergesRepeats: listener.mergesRepeats,
      whenRefused: listener.whenRefused,
      send: (message, signal) => (dead ? never : listener.send(message, signal)),
    });
    const one = {
      figures,
      away: "no" as AlertProcess["away"],
      lines,
      kill: () => {
        dead = true;
      },
      metric: async (text: string) =>
        (await metrics.render()).split("\n").find((line) => line.startsWith(text)),
    };
    const store: AlertStore = {
      exchange: async (report) => {
        if (dead || one.away === "hangs") return never;
        if (one.away === "refuses") throw new StoreUnavailable("away");
        const state = this.#exchange(report);
        if (one.away === "slow") await this.clock.sleep(SLOW_MS);
        return state;
      },
      votes: async () => this.votes(),
    };
    const options: AlertsOptions = {
      clock: this.clock,
      metrics,
      holder,
      host: holder,
      databaseId: "id",
      random: () => 1,
      log: createLog({
        level: "DEBUG",
        now: () => this.clock.now(),
        destination: { write: (line) => void lines.push(JSON.parse(line)) },
      }),
      targets: tells === true ? [target(this.pagerduty), target(this.chat)] : [],
      measure: async () => (dead ? never : one.figures),
      store,
    };
    const alerts = new Alerts(tells === "shows" ? shownOnly(options) : options);
    return Object.assign(one, { alerts });
  }

  /** Lets this many seconds pass. */
  pass(seconds: number): Promise<void> {
    return this.clock.advance(seconds * 1_000);
  }

  #exchange({ holder, mayLead, votes, notices }: AlertReport): AlertState {
    this.exchanges++;
    const nowMs = this.clock.monotonic();
    if (!mayLead && this.#leader.holder === holder) this.#leader = { holder: "", untilMs: 0 };
    if (mayLead && (this.#leader.holder === holder || this.#leader.untilMs < nowMs))
      this.#leader = { holder, untilMs: nowMs + LEADER_SECONDS * 1_000 };
    for (const [key, vote] of this.#votes)
      if (vote.holder === holder || vote.untilMs < nowMs) this.#votes.delete(key);
    for (const vote of votes)
      this.#votes.set(`${holder} ${vote.rule}`, {
        ...vote,
        holder,
        untilMs: nowMs + VOTE_SECONDS * 1_000,
      });
    for (const notice of notices) {
      const key = `${notice.rule} ${notice.target}`;
      if ((this.#notices.get(key)?.at ?? "") < notice.at) this.#notices.set(key, notice);
    }
    return {
      leads: this.#leader.holder === holder,
      votes: this.votes(),
      notices: [...this.#notices.values()],
    };
  }

  /** The votes that have not expired, the oldest first. */
  votes(): readonly AlertVote[] {
    const nowMs = this.clock.monotonic();
    return [...this.#votes.values()]
      .filter(({ untilMs }) => untilMs >= nowMs)
      .sort((a, b) => (a.since < b.since ? -1 : 1))
      .map(({ rule, summary, since }) => ({ rule, summary, since }));
  }
}

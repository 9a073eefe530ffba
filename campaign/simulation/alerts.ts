import type { PostResult } from "../../src/alerts/post.ts";
import {
  type AlertProcess,
  AlertWorld,
  type Listener,
  NOT_READY,
  TAKEN,
  WELL,
} from "../../test/support/alert-world.ts";
import type { Random } from "../support/random.ts";
import { type History, Promises } from "./history.ts";

const REPLICAS = 2;
const STEPS_MAX = 12;
const SPAN_SECONDS_MAX = 100;
/** A restart takes this long; the votes of a dead process count for longer. */
const RESTART_SECONDS = 20;
/** At its second evaluation a process shares what it takes over from the one before it. */
const STARTED_SECONDS = 6;
/** By then one process leads, whichever ended before. */
const LEADING_SECONDS = 35;
/** Longer than any wait for a target that was down. */
const CALM_SECONDS = 400;
/** As documented, from a fault to the page and from the repair to its end. */
const TOLD_SECONDS_MAX = 90;
/** The same alert is not sent again within 70 s after its end. */
const AGAIN_SECONDS_MAX = 75;
const ANSWER_MS_MAX = 2_000;
const JUMPS_MS = [3_600_000, -3_600_000, 259_200_000, -259_200_000];
const SLOW = { ...WELL, queueAgeMs: 5_000 };
/** The target could not be reached, or it did not answer. */
const FAILURES: readonly PostResult[] = [false, true].map((isOutcomeUnknown) => ({
  kind: "failed",
  reason: "simulated",
  retryAfterMs: 0,
  isOutcomeUnknown,
}));

/**
 * What may happen in a history.
 * - `faults`: replicas break and are repaired.
 * - `restarts`: they are also restarted and killed, and wall clocks jump.
 * - `outages`: the database and the targets also fail.
 */
type Kind = "faults" | "restarts" | "outages";

interface Span {
  readonly fromS: number;
  untilS: number;
}

/** Replicas of one database that evaluate their alerts, and the messages that two targets get. */
class Alerting {
  readonly promises = new Promises();
  readonly #random: Random;
  readonly #kind: Kind;
  readonly #world = new AlertWorld();
  readonly #processes: (AlertProcess | undefined)[] = [];
  readonly #broken: boolean[] = [];
  readonly #faults: Span[][] = [];
  readonly #outages: Span[] = [];
  #away = false;

  constructor(random: Random) {
    this.#random = random;
    this.#kind = random.of<Kind>(["faults", "restarts", "restarts", "outages"]);
    for (let at = 0; at < REPLICAS; at++) {
      this.#processes.push(this.#world.start());
      this.#broken.push(false);
      this.#faults.push([]);
    }
    // A process that is killed between the answer and its record would page a chat again.
    if (this.#kind === "faults") this.#slowDown();
  }

  async run(): Promise<History> {
    const steps = this.#random.between(1, STEPS_MAX);
    for (let step = 0; step < steps; step++) await this.#step();
    await this.#end();
    if (this.#kind === "outages") this.#checkOutages();
    else this.#checkPages();
    if (this.#kind === "faults") this.#checkTimes();
    const told = this.#listeners.reduce((sum, listener) => sum + listener.told.length, 0);
    return { counts: { events: steps, told }, broken: this.promises.broken };
  }

  get #listeners(): readonly Listener[] {
    return [this.#world.pagerduty, this.#world.chat];
  }

  /** Targets take a moment to answer. */
  #slowDown(): void {
    for (const listener of this.#listeners) {
      listener.answer = async () => {
        await this.#world.clock.sleep(this.#random.between(0, ANSWER_MS_MAX));
        return TAKEN;
      };
    }
  }

  async #step(): Promise<void> {
    const random = this.#random;
    const at = random.between(0, REPLICAS - 1);
    const chance = random.next();
    if (this.#kind === "faults" || chance < 0.5) this.#broken[at] = random.chance(0.5);
    else if (chance < 0.7) await this.#restart(at, random.chance(0.5));
    else if (chance < 0.8) this.#world.clock.jump(random.of(JUMPS_MS));
    else if (this.#kind === "outages") await this.#fail();
    await this.#pass(random.between(1, SPAN_SECONDS_MAX));
  }

  async #fail(): Promise<void> {
    if (this.#random.chance(0.5)) {
      // A process that never reached its database has left nothing in it.
      if (!this.#away) await this.#pass(LEADING_SECONDS);
      this.#away = !this.#away;
      return;
    }
    const works = this.#random.chance(0.5);
    const failure = this.#random.of(FAILURES);
    for (const listener of this.#listeners) listener.answer = () => (works ? TAKEN : failure);
  }

  async #pass(seconds: number): Promise<void> {
    for (const [at, process] of this.#processes.entries()) {
      if (process === undefined) continue;
      const own = this.#broken[at] ? SLOW : WELL;
      process.figures = this.#away ? { ...own, notReady: NOT_READY.notReady } : own;
      process.away = this.#away ? "refuses" : "no";
    }
    const nowS = this.#world.clock.monotonic() / 1_000;
    for (const [at, spans] of this.#faults.entries()) note(spans, this.#broken[at] === true, nowS);
    note(this.#outages, this.#away, nowS);
    await this.#world.pass(seconds);
  }

  /** A process does not start without its database. */
  async #restart(at: number, isKilled: boolean): Promise<void> {
    const process = this.#processes[at];
    this.#processes[at] = undefined;
    if (isKilled) process?.kill();
    else await Promise.all([process?.alerts.stop(), this.#world.pass(10)]);
    await this.#pass(RESTART_SECONDS);
    if (!this.#away) this.#processes[at] = this.#world.start();
    await this.#pass(STARTED_SECONDS);
  }

  /** Repairs everything, and waits until that has been sent. */
  async #end(): Promise<void> {
    this.#broken.fill(false);
    this.#away = false;
    if (this.#kind === "outages")
      for (const listener of this.#listeners) listener.answer = () => TAKEN;
    await this.#pass(0);
    for (let at = 0; at < REPLICAS; at++) this.#processes[at] ??= this.#world.start();
    await this.#pass(CALM_SECONDS);
    const stopping = Promise.all(this.#processes.map((process) => process?.alerts.stop()));
    await Promise.all([stopping, this.#world.pass(10)]);
  }

  /** One fault is one page and one end, however often processes are restarted. */
  #checkPages(): void {
    const faults = this.#faults.flat().length;
    for (const listener of this.#listeners) {
      const events = incidents(listener, "queue_age");
      this.promises.expect(isInTurn(events), `${listener.name} got ${events}`);
      this.promises.expect(events.length / 2 <= faults, "there are more pages than faults");
      const others = incidents(listener, "not_ready");
      this.promises.expect(others.length === 0, "a page is about something that did not happen");
    }
  }

  /** Whatever fails, every incident ends when all is well. */
  #checkOutages(): void {
    const { pagerduty } = this.#world;
    for (const rule of ["queue_age", "not_ready"]) {
      const events = incidents(pagerduty, rule);
      this.promises.expect(isInTurn(events), `an incident of ${rule} does not end: ${events}`);
    }
    const pages = incidents(pagerduty, "not_ready").length / 2;
    this.promises.expect(pages <= this.#outages.length, "there are more pages than outages");
  }

  /** A page comes in time for every fault that lasts, and its end after the repair. */
  #checkTimes(): void {
    const { told } = this.#world.chat;
    const at = (event: string) =>
      told.filter((line) => line.includes(event)).map((line) => Number.parseFloat(line));
    const [triggers, resolves] = [at("trigger"), at("resolve")];
    const pages = triggers.map((fromS, nth) => ({ fromS, untilS: resolves[nth] ?? Number.NaN }));
    for (const { fromS, untilS } of this.#faults.flat()) {
      if (untilS - fromS < TOLD_SECONDS_MAX) continue;
      const isTold = pages.some((page, nth) => {
        const againS = (pages[nth - 1]?.untilS ?? 0) + AGAIN_SECONDS_MAX;
        return page.untilS >= untilS && page.fromS <= Math.max(fromS + TOLD_SECONDS_MAX, againS);
      });
      this.promises.expect(isTold, "a fault that lasts is not paged in time");
    }
    for (const { untilS } of pages) {
      const isOver = this.#faults
        .flat()
        .some((fault) => untilS > fault.untilS && untilS <= fault.untilS + TOLD_SECONDS_MAX);
      this.promises.expect(isOver, "the end of a fault is not told in time");
    }
  }
}

/** The spans of a condition, from its value at each moment. */
function note(spans: Span[], holds: boolean, nowS: number): void {
  const last = spans.at(-1);
  const isOpen = last?.untilS === Number.POSITIVE_INFINITY;
  if (holds && !isOpen) spans.push({ fromS: nowS, untilS: Number.POSITIVE_INFINITY });
  if (!holds && last !== undefined && isOpen) last.untilS = nowS;
}

/** The triggers and resolves of a rule. A repeated one changes nothing if repeats are merged. */
function incidents({ told, mergesRepeats }: Listener, rule: string): readonly string[] {
  const lines = told.filter((line) => line.endsWith(` ${rule}`));
  const events = lines.map((line) => line.split(" ")[1] ?? "");
  if (!mergesRepeats) return events;
  return events.filter((event, at) => event !== (events[at - 1] ?? "resolve"));
}

function isInTurn(events: readonly string[]): boolean {
  const isRight = events.every((event, at) => event === (at % 2 === 0 ? "trigger" : "resolve"));
  return isRight && events.length % 2 === 0;
}

export async function alerts(random: Random): Promise<History> {
  return new Alerting(random).run();
}

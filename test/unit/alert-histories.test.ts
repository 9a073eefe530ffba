import { deepEqual, ok } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { PostResult } from "../../src/alerts/post.ts";
import {
  type AlertProcess,
  AlertWorld,
  type Listener,
  NOT_READY,
  TAKEN,
  WELL,
} from "../support/alert-world.ts";
import { propertyRuns } from "../support/property-runs.ts";

const PLACES = [0, 1] as const;
type Place = (typeof PLACES)[number];

/** What may happen to the service and its environment. */
type Event =
  | { readonly kind: "break" | "mend" | "kill" | "restart"; readonly place: Place }
  | { readonly kind: "away" | "back" | "target down" | "target up" };
interface Step {
  readonly event: Event;
  readonly seconds: number;
}

/** A restart takes this long; the votes of a dead process count for longer. */
const RESTART_SECONDS = 20;
/** At its second evaluation a process shares what it takes over from the one before it. */
const STARTED_SECONDS = 6;
/** By then one process leads, whichever ended before. */
const LEADING_SECONDS = 35;
/** A fault fires after forty seconds, and an evaluation or two later the other process knows. */
const FIRING_SECONDS = 55;
/** As documented, from a fault to the page and from the repair to its end. */
const TOLD_SECONDS_MAX = 90;
/** The same alert is not sent again within 70 s after its end. */
const AGAIN_SECONDS_MAX = 75;
/** Longer than any wait for a target that was down. */
const CALM_SECONDS = 400;
const SLOW = { ...WELL, queueAgeMs: 5_000 };
const DOWN: PostResult = {
  kind: "failed",
  reason: "ECONNREFUSED",
  retryAfterMs: 0,
  isOutcomeUnknown: false,
};

const place = fc.constantFrom(...PLACES);
const seconds = fc.integer({ min: 1, max: 100 });
const placed = (...kinds: readonly ("break" | "mend" | "kill" | "restart")[]) =>
  fc.record({ kind: fc.constantFrom(...kinds), place });
const steps = (event: fc.Arbitrary<Event>) =>
  fc.array(fc.record({ event, seconds }), { minLength: 1, maxLength: 12 });

/** Two replicas of one database, of which each has its own faults. */
class Service {
  readonly world = new AlertWorld();
  readonly #broken: boolean[] = PLACES.map(() => false);
  readonly #processes: (AlertProcess | undefined)[] = PLACES.map(() => this.world.start());
  #away = false;
  readonly #faults: readonly Span[][] = PLACES.map(() => []);
  /** When the database was unavailable. */
  readonly outages: Span[] = [];

  /** When a replica had a fault. */
  get faults(): readonly Span[] {
    return this.#faults.flat();
  }

  /** Whether a fault existed then, and had lasted until it fired. */
  wasFiring(atS: number): boolean {
    return this.faults.some(({ fromS, untilS }) => fromS + FIRING_SECONDS < atS && atS < untilS);
  }

  async take({ event, seconds }: Step): Promise<void> {
    switch (event.kind) {
      case "break":
      case "mend":
        this.#broken[event.place] = event.kind === "break";
        break;
      case "kill":
      case "restart":
        await this.#restart(event.place, event.kind);
        break;
      case "away":
      case "back":
        // A process that never reached its database has left nothing in it.
        if (event.kind === "away") await this.#pass(LEADING_SECONDS);
        this.#away = event.kind === "away";
        break;
      case "target down":
        for (const one of this.#listeners()) one.answer = () => DOWN;
        break;
      case "target up":
        for (const one of this.#listeners()) one.answer = () => TAKEN;
    }
    await this.#pass(seconds);
  }

  /** Repairs everything, and waits until that has been sent. */
  async end(): Promise<void> {
    for (const place of PLACES) this.#broken[place] = false;
    this.#away = false;
    for (const one of this.#listeners()) one.answer = () => TAKEN;
    await this.#pass(0);
    // Processes that ended while their database was unavailable come back now.
    for (const place of PLACES) this.#processes[place] ??= this.world.start();
    await this.#pass(CALM_SECONDS);
    await Promise.all(this.#processes.map((one) => one?.alerts.stop()));
  }

  async #pass(seconds: number): Promise<void> {
    for (const place of PLACES) {
      const process = this.#processes[place];
      const own = this.#broken[place] ? SLOW : WELL;
      if (process === undefined) continue;
      process.figures = this.#away ? { ...own, notReady: NOT_READY.notReady } : own;
      process.away = this.#away ? "refuses" : "no";
    }
    const nowS = this.world.clock.monotonic() / 1_000;
    for (const place of PLACES) note(this.#faults[place] ?? [], this.#broken[place] === true, nowS);
    note(this.outages, this.#away, nowS);
    await this.world.pass(seconds);
  }

  /** A process does not start without its database. */
  async #restart(place: Place, how: "kill" | "restart"): Promise<void> {
    const process = this.#processes[place];
    this.#processes[place] = undefined;
    if (how === "kill") process?.kill();
    else await Promise.all([process?.alerts.stop(), this.world.pass(10)]);
    await this.#pass(RESTART_SECONDS);
    if (!this.#away) this.#processes[place] = this.world.start();
    await this.#pass(STARTED_SECONDS);
  }

  #listeners(): readonly Listener[] {
    return [this.world.pagerduty, this.world.chat];
  }
}

interface Span {
  readonly fromS: number;
  untilS: number;
}

/** The spans of a condition, from its value at each moment. */
function note(spans: Span[], holds: boolean, nowS: number): void {
  const last = spans.at(-1);
  const isOpen = last?.untilS === Number.POSITIVE_INFINITY;
  if (holds && !isOpen) spans.push({ fromS: nowS, untilS: Number.POSITIVE_INFINITY });
  if (!holds && last !== undefined && isOpen) last.untilS = nowS;
}

async function history(all: readonly Step[]): Promise<Service> {
  const service = new Service();
  for (const step of all) await service.take(step);
  await service.end();
  return service;
}

/**
 * Triggers and resolves of a rule in turn: a repeated one changes nothing if repeats are merged.
 */
function incidents({ told, mergesRepeats }: Listener, rule: string): readonly string[] {
  const events = told
    .filter((line) => line.endsWith(` ${rule}`))
    .map((line) => line.split(" ")[1] ?? "");
  if (!mergesRepeats) return events;
  return events.filter((event, at) => event !== (events[at - 1] ?? "resolve"));
}

const inTurn = (count: number) =>
  Array.from({ length: count }, () => ["trigger", "resolve"]).flat();

test("however replicas break, restart and are killed, the start and the end of a fault are sent once", async () => {
  await fc.assert(
    fc.asyncProperty(steps(placed("break", "mend", "kill", "restart")), async (all) => {
      const { world, faults } = await history(all);
      for (const listener of [world.pagerduty, world.chat]) {
        const events = incidents(listener, "queue_age");
        deepEqual(events, inTurn(events.length / 2));
        ok(events.length / 2 <= faults.length, `${events} of ${JSON.stringify(faults)}`);
        deepEqual(incidents(listener, "not_ready"), []);
      }
    }),
    { numRuns: propertyRuns(40) },
  );
});

test("a page comes within ninety seconds of a lasting fault, and its end within ninety of the repair", async () => {
  await fc.assert(
    fc.asyncProperty(steps(placed("break", "mend")), async (all) => {
      const service = await history(all);
      const { told } = service.world.chat;
      const at = (event: string) =>
        told.filter((line) => line.includes(event)).map((line) => Number.parseFloat(line));
      const [triggers, resolves] = [at("trigger"), at("resolve")];
      const pages = triggers.map((fromS, nth) => ({ fromS, untilS: resolves[nth] ?? Number.NaN }));
      for (const { fromS, untilS } of service.faults.filter(
        (one) => one.untilS - one.fromS >= TOLD_SECONDS_MAX,
      ))
        ok(
          pages.some(
            (page, nth) =>
              page.untilS >= untilS &&
              page.fromS <=
                Math.max(
                  fromS + TOLD_SECONDS_MAX,
                  (pages[nth - 1]?.untilS ?? 0) + AGAIN_SECONDS_MAX,
                ),
          ),
          `${told} of ${JSON.stringify(service.faults)}`,
        );
      for (const { untilS } of pages) {
        ok(!service.wasFiring(untilS));
        ok(
          service.faults.some(
            (fault) => untilS > fault.untilS && untilS <= fault.untilS + TOLD_SECONDS_MAX,
          ),
        );
      }
    }),
    { numRuns: propertyRuns(40) },
  );
});

test("whatever happens to the database and the targets, every incident ends when all is well", async () => {
  const anything = fc.oneof(
    placed("break", "mend", "kill", "restart"),
    fc.record({ kind: fc.constantFrom("away", "back", "target down", "target up") }),
  ) as fc.Arbitrary<Event>;
  await fc.assert(
    fc.asyncProperty(steps(anything), async (all) => {
      const { world, outages } = await history(all);
      for (const rule of ["queue_age", "not_ready"]) {
        const events = incidents(world.pagerduty, rule);
        deepEqual(events, inTurn(events.length / 2));
      }
      const pages = incidents(world.pagerduty, "not_ready").length / 2;
      ok(pages <= outages.length, `${pages} of ${JSON.stringify(outages)}`);
    }),
    { numRuns: propertyRuns(40) },
  );
});

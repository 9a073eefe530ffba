import type { Clock } from "../../src/domain/clock.ts";
import { AdmissionControl } from "../../src/http/admission-control.ts";
import { LoadShedder } from "../../src/http/load-shedder.ts";
import type { Request } from "../../src/http/route.ts";
import { createMetrics } from "../../src/observe/metrics.ts";
import type { ShedReason } from "../../src/runtime.ts";
import type { Random } from "../support/random.ts";
import { type History, Promises } from "./history.ts";
import { OverloadModel, TICK_MS } from "./overload-model.ts";
import { SimulatedClock, settled } from "./simulated-clock.ts";

const metrics = createMetrics({ version: "simulation", node: "simulation" });
const PHASES_MAX = 5;
const SLOTS_MAX = 40;
const HELD_MS_MAX = 1_000;
const REFUSED_AT_ONCE_MAX = 64;
const LOOP_DELAYS_MS = [0, 0, 5, 29, 31, 80, 300];
const QUEUE_DELAYS_MS = [0, 0, 99, 101, 160, 1_000, 5_000];
const QUEUE_ROWS = [0, 127, 128, 5_000];
/** The probes of each kind that one tick admits. */
const PROBES_PER_TICK = { health: 32, scrape: 8, page: 8 } as const;
type Kind = "message" | "read" | keyof typeof PROBES_PER_TICK;
const KINDS: readonly Kind[] = [
  "message",
  "message",
  "message",
  "read",
  "health",
  "scrape",
  "page",
];
/** Enough for a share that has shrunk to become whole, and for all probes that wait. */
const CALM_MS = 20_000;

interface Asked {
  readonly kind: Kind;
  readonly sinceMs: number;
  outcome: "waits" | "handled" | "refused";
}

/** A service under load: its ticks, its queue, and the requests that arrive. */
class Serving {
  readonly promises = new Promises();
  readonly #random: Random;
  readonly #clock = new SimulatedClock();
  readonly #model = new OverloadModel(this.promises);
  readonly #closing = new AbortController();
  readonly #asked: Asked[] = [];
  readonly #admission: AdmissionControl;
  readonly #shedder: LoadShedder;
  #loopDelayMs = 0;
  /** When the current tick began. */
  #sleptAtMs = 0;
  #queue = { delayMs: 0, rows: 0 };
  #draining = false;
  #handledSinceTick: Partial<Record<Kind, number>> = {};
  /** When the last probe of each kind that was handled had arrived. */
  readonly #lastHandledMs: Partial<Record<Kind, number>> = {};
  #refusedSinceTick = 0;
  #refused = 0;

  constructor(random: Random) {
    this.#random = random;
    this.#admission = new AdmissionControl({
      queueDelayMs: () => this.#queue.delayMs,
      queueRows: () => this.#queue.rows,
    });
    this.#shedder = new LoadShedder({
      admission: {
        refuses: (isMessage) => this.#decided(this.#admission.refuses(isMessage), isMessage),
        wake: () => this.#admission.wake(),
      },
      refuse: (request) => this.#refuse(request),
      isDraining: () => this.#draining,
      runtime: { clock: this.#clock, metrics, random: () => 0 },
      bodyBytesMax: 1_000,
    });
  }

  async run(): Promise<History> {
    // A busy event loop calls timers late.
    const clock: Clock = {
      now: () => this.#clock.now(),
      monotonic: () => this.#clock.monotonic(),
      sleep: (ms, signal) => {
        this.#sleptAtMs = this.#clock.monotonic();
        return this.#clock.sleep(ms + this.#loopDelayMs, signal);
      },
    };
    let hasEnded = false;
    const watching = this.#admission.watch(clock, this.#closing.signal, () => this.#ticked());
    void watching.then(() => {
      hasEnded = true;
    });
    const phases = this.#random.between(1, PHASES_MAX);
    for (let phase = 0; phase < phases; phase++) await this.#phase();
    await this.#end();
    this.#closing.abort();
    await settled();
    this.promises.expect(hasEnded, "the ticks do not end at the stop");
    const requests = this.#asked.length;
    return {
      counts: { events: requests, requests, refused: this.#refused },
      broken: this.promises.broken,
    };
  }

  /** For some time the delays and the rate of requests stay the same. */
  async #phase(): Promise<void> {
    const random = this.#random;
    this.#loopDelayMs = random.of(LOOP_DELAYS_MS);
    this.#queue = { delayMs: random.of(QUEUE_DELAYS_MS), rows: random.of(QUEUE_ROWS) };
    this.#draining = random.chance(0.03);
    const perSlotMax = random.of([0, 1, 5, 150]);
    const slots = random.between(1, SLOTS_MAX);
    for (let slot = 0; slot < slots; slot++) {
      const count = random.between(0, perSlotMax);
      const kind = random.chance(0.5) ? random.of(KINDS) : undefined;
      for (let request = 0; request < count; request++) this.#arrive(kind ?? random.of(KINDS));
      await settled();
      await this.#clock.advance(random.between(1, 2 * TICK_MS + this.#loopDelayMs));
    }
  }

  #arrive(kind: Kind): void {
    const asked: Asked = { kind, sinceMs: this.#clock.monotonic(), outcome: "waits" };
    this.#asked.push(asked);
    const admission = kind === "read" ? undefined : kind;
    const raw = {
      headers: {},
      rawHeaders: ["Host", "x"],
      httpVersion: "1.1",
      socket: asked,
      resume: () => undefined,
    };
    const target = { route: { admission }, ofPath: { admission } };
    const request = { raw, target, isGone: false, asked } as unknown as Request;
    this.#shedder.admit(request, () => this.#handle(asked));
  }

  #decided(reason: ShedReason | undefined, isMessage = true): ShedReason | undefined {
    this.#model.decided(reason, isMessage, this.#queue);
    return reason;
  }

  #handle(asked: Asked): void {
    this.promises.expect(asked.outcome === "waits", "a request is handled twice");
    asked.outcome = "handled";
    const handled = (this.#handledSinceTick[asked.kind] ?? 0) + 1;
    this.#handledSinceTick[asked.kind] = handled;
    if (asked.kind === "message" || asked.kind === "read") return;
    const isPaced = handled <= PROBES_PER_TICK[asked.kind];
    this.promises.expect(isPaced, "more probes are handled than a tick admits");
    const isInOrder = asked.sinceMs >= (this.#lastHandledMs[asked.kind] ?? 0);
    this.#lastHandledMs[asked.kind] = asked.sinceMs;
    this.promises.expect(isInOrder, "a probe overtakes another one");
  }

  #refuse(request: Request): void {
    const { asked } = request as unknown as { readonly asked: Asked };
    this.promises.expect(asked.outcome === "waits", "a request is refused twice");
    asked.outcome = "refused";
    this.#refused++;
    this.#refusedSinceTick++;
    const heldMs = this.#clock.monotonic() - asked.sinceMs;
    const isInTime = heldMs <= HELD_MS_MAX + 2 * (TICK_MS + Math.max(...LOOP_DELAYS_MS));
    this.promises.expect(isInTime, "a refusal is held for too long");
    const isDue = heldMs >= HELD_MS_MAX;
    const isBounded = this.#refusedSinceTick <= REFUSED_AT_ONCE_MAX;
    this.promises.expect(isBounded || isDue || this.#draining, "too many are refused at once");
  }

  #ticked(): boolean {
    const isBusy = Object.keys(this.#handledSinceTick).length > 0;
    this.#handledSinceTick = {};
    this.#refusedSinceTick = 0;
    const nowMs = this.#clock.monotonic();
    this.#model.tick(nowMs, nowMs - this.#sleptAtMs, this.#queue.delayMs);
    this.#shedder.release();
    // Requests under way are those that wait in the queue, and those that were handled just now.
    return isBusy || this.#queue.delayMs > 0 || this.#shedder.isBusy();
  }

  /** The load ends: every request is answered, nothing is refused any more, and the ticks stop. */
  async #end(): Promise<void> {
    this.#loopDelayMs = 0;
    this.#queue = { delayMs: 0, rows: QUEUE_ROWS[3] as number };
    this.#draining = false;
    await this.#clock.advance(CALM_MS);
    const left = this.#asked.filter(({ outcome }) => outcome === "waits").length;
    this.promises.expect(left === 0, "a request is never answered");
    this.promises.expect(!this.#clock.isAwaited, "the ticks do not stop without requests");
    this.#arrive("message");
    await settled();
    this.promises.expect(this.#clock.isAwaited, "the ticks do not continue with a request");
    this.promises.expect(this.#asked.at(-1)?.outcome === "handled", "a calm service refuses");
  }
}

export async function admission(random: Random): Promise<History> {
  return new Serving(random).run();
}

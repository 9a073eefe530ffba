import type { IncomingMessage } from "node:http";
import type { Runtime, ShedReason } from "../runtime.ts";
import type { AdmissionControl } from "./admission-control.ts";
import { isClear } from "./framing.ts";
import { ProbePace } from "./probe-pace.ts";
import { CLOSE, problem, type Reply, retryAfter } from "./reply.ts";
import type { Request, Route } from "./route.ts";

/**
 * Monitoring must work under overload too, and so must the dashboard. So a bounded number of each
 * is admitted at each tick. 1,600 health checks and 400 scrapes a second take a tenth of the time.
 */
const HEALTH_CHECKS_PER_TICK_MAX = 32;
const SCRAPES_PER_TICK_MAX = 8;
/** 400 requests a second: some 80 browsers that open the page. */
const PAGES_PER_TICK_MAX = 8;
/**
 * Requests that are refused at once between two ticks. Each takes some 30 µs, so they take at most
 * a tenth of the time.
 */
const REFUSED_AT_ONCE_MAX = 64;
/** The other refusals are held, and their senders wait, but no longer than this. */
const HELD_MS_MAX = 1_000;
const HELD_MAX = 10_000;

export interface LoadShedderOptions {
  readonly admission: Pick<AdmissionControl, "refuses" | "wake">;
  /** Answers a refused request and logs it. */
  readonly refuse: (request: Request, reply: Reply) => void;
  readonly isDraining: () => boolean;
  readonly runtime: Pick<Runtime, "clock" | "metrics" | "random">;
  readonly bodyBytesMax: number;
}

interface Refused {
  readonly request: Request;
  readonly reason: ShedReason;
  readonly sinceMs: number;
}

/**
 * Sheds load: refuses requests when there are too many, before any other work for them. Each
 * refusal has a log line and metrics.
 *
 * A refusal still costs a third of a message. At several times its capacity, the service would do
 * nothing but refuse. So only a bounded number of refusals is sent at a time. The others are held
 * for up to a second, which keeps senders that wait for their answers from coming back at once.
 */
export class LoadShedder {
  readonly #options: LoadShedderOptions;
  readonly #held: Refused[] = [];
  readonly #healthChecks = new ProbePace(HEALTH_CHECKS_PER_TICK_MAX);
  readonly #scrapes = new ProbePace(SCRAPES_PER_TICK_MAX);
  readonly #pages = new ProbePace(PAGES_PER_TICK_MAX);
  #refusedAtOnce = 0;

  constructor(options: LoadShedderOptions) {
    this.#options = options;
  }

  /** Handles a request now or later, or refuses it. */
  admit(request: Request, handle: () => void): void {
    this.#options.admission.wake();
    const { route, ofPath } = request.target;
    const pace = this.#paceOf(ofPath?.admission);
    const isMessage = route?.admission === "message";
    const reason = pace === undefined ? this.#options.admission.refuses(isMessage) : "probes";
    // An ambiguous request must be detected, or the rest of it would be treated as the next
    // request.
    if (reason === undefined || !isClear(request.raw)) {
      handle();
    } else if (pace === undefined) {
      this.#refuse(request, reason);
    } else {
      const inTurn = () => {
        if (request.isGone) this.#answer(request, reason);
        else handle();
      };
      if (!pace.take(inTurn)) this.#refuse(request, reason);
    }
  }

  /**
   * Refuses a request because too many are under way on its connection, which is closed after the
   * answer.
   */
  refusePipelined(request: Request): void {
    this.#options.admission.wake();
    this.#answer(request, "pipelined", CLOSE);
  }

  /**
   * Answers held requests: a bounded number of the oldest, and all that have waited long enough.
   * Must be called every few milliseconds.
   */
  release(countMax: number = REFUSED_AT_ONCE_MAX): void {
    this.#healthChecks.tick();
    this.#scrapes.tick();
    this.#pages.tick();
    const dueMs = this.#options.runtime.clock.monotonic() - HELD_MS_MAX;
    let count = 0;
    while (
      count < this.#held.length &&
      (count < countMax || (this.#held[count]?.sinceMs ?? 0) <= dueMs)
    )
      count++;
    for (const { request, reason } of this.#held.splice(0, count)) this.#answer(request, reason);
    this.#refusedAtOnce = count;
  }

  /** Whether any request waits for its turn or its refusal. */
  isBusy(): boolean {
    const paces = [this.#healthChecks, this.#scrapes, this.#pages];
    return this.#held.length > 0 || paces.some((pace) => pace.isBusy());
  }

  /** Answers all held requests. */
  releaseAll(): void {
    this.#healthChecks.releaseAll();
    this.#scrapes.releaseAll();
    this.#pages.releaseAll();
    this.release(HELD_MAX);
  }

  #paceOf(admission: Route["admission"]): ProbePace | undefined {
    switch (admission) {
      case "health":
        return this.#healthChecks;
      case "scrape":
        return this.#scrapes;
      case "page":
        return this.#pages;
      case "message":
      case undefined:
        return undefined;
    }
  }

  #refuse(request: Request, reason: ShedReason): void {
    const { isDraining, runtime } = this.#options;
    if (
      this.#refusedAtOnce < REFUSED_AT_ONCE_MAX ||
      this.#held.length >= HELD_MAX ||
      isDraining()
    ) {
      this.#refusedAtOnce++;
      this.#answer(request, reason);
    } else {
      // The body is not kept while the refusal is held.
      request.raw.resume();
      this.#held.push({ request, reason, sinceMs: runtime.clock.monotonic() });
    }
  }

  #answer(
    request: Request,
    reason: ShedReason,
    more = this.#canBeSkipped(request.raw) ? {} : CLOSE,
  ): void {
    const { refuse, runtime } = this.#options;
    runtime.metrics.requestsShed.inc({ reason });
    const headers = { ...retryAfter(runtime.random), ...more };
    refuse(
      request,
      problem(503, "overloaded", { headers, log: { shed: reason }, result: "unavailable" }),
    );
  }

  /**
   * Whether the body may be read and discarded, so that the connection can be used again. A body of
   * unknown or great length may not.
   */
  #canBeSkipped({ headers }: IncomingMessage): boolean {
    const length = Number(headers["content-length"] ?? 0);
    return headers["transfer-encoding"] === undefined && length <= this.#options.bodyBytesMax;
  }
}

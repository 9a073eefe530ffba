import type { IncomingMessage, ServerResponse } from "node:http";
import type { Clock } from "../domain/clock.ts";
import type { Metrics, ShedReason } from "../observe/metrics.ts";
import { type Access, CLIENT_CLOSED_REQUEST, requestId } from "./access.ts";
import type { Cors } from "./cors.ts";
import { isClear } from "./framing.ts";
import type { Overload } from "./overload.ts";
import { ProbePace } from "./probe-pace.ts";
import { bodyOfProblem } from "./problem.ts";
import { retryAfter } from "./retry-after.ts";
import { pathOf } from "./route-table.ts";
import { SECURITY_HEADERS } from "./security-headers.ts";

/**
 * Monitoring must work under overload too. So a bounded number of health checks and scrapes is let in at each check of the event
 * loop. 1,600 health checks and 400 scrapes a second take a tenth of the time.
 */
const HEALTH_CHECKS = new Set(["/health/live", "/health/ready", "/healthz", "/livez", "/readyz"]);
const HEALTH_CHECKS_PER_LOOK_MAX = 32;
const SCRAPES_PER_LOOK_MAX = 8;
const SHED_WEBHOOK = { dup: false, result: "unavailable" };
const OVERLOADED = { status: 503, detail: "overloaded" };
/** Refused at once between two looks: some 30 µs each, so a tenth of the time at most. */
const REFUSED_AT_ONCE_MAX = 64;
/** The others wait for their refusal, and their senders with them, but no longer than this. */
const HELD_MS_MAX = 1_000;
const HELD_MAX = 10_000;

export interface DoorOptions {
  readonly overload: Pick<Overload, "refuses">;
  readonly access: Access;
  readonly cors: Cors;
  readonly clock: Clock;
  readonly metrics: Pick<Metrics, "requestsShed" | "webhookRequests">;
  readonly newId: () => string;
  readonly random: () => number;
  readonly bodyBytesMax: number;
}

interface Refused {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly path: string;
  readonly reason: ShedReason;
  readonly sinceMs: number;
}

/**
 * Refuses requests when there are too many of them, before Fastify has made anything of them, which would cost twice as much. Each has its
 * log line and its samples all the same.
 *
 * A refusal still costs a third of what a message does: at several times of what the service can do it would do nothing but refuse. So only
 * so many leave at a time. The others are held for up to a second, which keeps senders that wait for their answers from coming back at once.
 */
export class Door {
  readonly #options: DoorOptions;
  readonly #held: Refused[] = [];
  readonly #healthChecks = new ProbePace(HEALTH_CHECKS_PER_LOOK_MAX);
  readonly #scrapes = new ProbePace(SCRAPES_PER_LOOK_MAX);
  #refusedAtOnce = 0;

  constructor(options: DoorOptions) {
    this.#options = options;
  }

  /** Handles a request, now or in its turn, or refuses it. */
  admit(request: IncomingMessage, response: ServerResponse, handle: () => void): void {
    const path = pathOf(request.url ?? "");
    const pace = this.#paceOf(path);
    const reason = pace === undefined ? this.#options.overload.refuses(isMessage(request, path)) : "probes";
    // What is ambiguous must be seen as that, or its rest would be taken for the next request.
    if (reason === undefined || !isClear(request)) {
      handle();
    } else if (pace === undefined) {
      this.#refuse(request, response, path, reason);
    } else {
      const sinceMs = this.#options.clock.monotonic();
      const inTurn = () => {
        if (isGone(request, response)) this.#answer({ request, response, path, reason, sinceMs });
        else handle();
      };
      if (!pace.take(inTurn)) this.#refuse(request, response, path, reason);
    }
  }

  #paceOf(path: string): ProbePace | undefined {
    if (path === "/metrics") return this.#scrapes;
    return HEALTH_CHECKS.has(path) ? this.#healthChecks : undefined;
  }

  #refuse(request: IncomingMessage, response: ServerResponse, path: string, reason: ShedReason): void {
    const { access, clock } = this.#options;
    const refused = { request, response, path, reason, sinceMs: clock.monotonic() };
    if (this.#refusedAtOnce < REFUSED_AT_ONCE_MAX || this.#held.length >= HELD_MAX || access.draining()) {
      this.#refusedAtOnce++;
      this.#answer(refused);
    } else {
      // Its body is not kept meanwhile.
      request.resume();
      this.#held.push(refused);
    }
  }

  /** Refuses a request because too many are under way on its connection, which is closed behind the answer. */
  refusePipelined(request: IncomingMessage, response: ServerResponse): void {
    response.shouldKeepAlive = false;
    const path = pathOf(request.url ?? "");
    this.#answer({ request, response, path, reason: "pipelined", sinceMs: this.#options.clock.monotonic() });
  }

  /** Answers the oldest of those that are held: so many as may leave at once, and whoever has waited long enough. To be called every few milliseconds. */
  release(countMax: number = REFUSED_AT_ONCE_MAX): void {
    this.#healthChecks.look();
    this.#scrapes.look();
    const dueMs = this.#options.clock.monotonic() - HELD_MS_MAX;
    let count = 0;
    while (count < this.#held.length && (count < countMax || (this.#held[count]?.sinceMs ?? 0) <= dueMs)) count++;
    for (const refused of this.#held.splice(0, count)) this.#answer(refused);
    this.#refusedAtOnce = count;
  }

  /** Answers all that are held. */
  releaseAll(): void {
    this.#healthChecks.releaseAll();
    this.#scrapes.releaseAll();
    this.release(HELD_MAX);
  }

  #answer({ request, response, path, reason, sinceMs }: Refused): void {
    const { access, clock, metrics, newId } = this.#options;
    const isWebhook = isMessage(request, path);
    const id = requestId(request.headers["x-request-id"], newId);
    const gone = isGone(request, response);
    if (!gone) this.#write(request, response, path, id);
    metrics.requestsShed.inc({ reason });
    if (isWebhook) metrics.webhookRequests.inc({ result: "unavailable" });
    access.shed(request, {
      id,
      shed: reason,
      latencyMs: clock.monotonic() - sinceMs,
      status: gone ? CLIENT_CLOSED_REQUEST : OVERLOADED.status,
      ...(isWebhook && SHED_WEBHOOK),
    });
  }

  #write(request: IncomingMessage, response: ServerResponse, path: string, id: string): void {
    const { access, cors, random } = this.#options;
    const { type, text } = bodyOfProblem(request.headers.accept, OVERLOADED);
    if (!this.#canBeSkipped(request) || access.draining()) response.shouldKeepAlive = false;
    response.writeHead(OVERLOADED.status, {
      ...SECURITY_HEADERS,
      ...cors.headersFor(path, request.headers.origin),
      ...retryAfter(random),
      "x-request-id": id,
      "content-type": type,
      "content-length": Buffer.byteLength(text),
    });
    response.end(text);
  }

  /** Whether the body may be read and thrown away, so that the connection can be used again. One without an end in sight is not. */
  #canBeSkipped({ headers }: IncomingMessage): boolean {
    const length = Number(headers["content-length"] ?? 0);
    return headers["transfer-encoding"] === undefined && length <= this.#options.bodyBytesMax;
  }
}

function isGone(request: IncomingMessage, response: ServerResponse): boolean {
  return response.destroyed || request.socket.destroyed;
}

function isMessage({ method }: IncomingMessage, path: string): boolean {
  return path === "/webhook" && method === "POST";
}

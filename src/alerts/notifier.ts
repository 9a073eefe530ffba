import type { AlertResult, Runtime } from "../runtime.ts";
import type { AlertNotice } from "../store/alerts.ts";
import type { PostResult } from "./post.ts";
import type { AlertMessage, Target } from "./targets.ts";

const RETRY_MS_FIRST = 4_000;
const RETRY_MS_MAX = 60_000;
/** How long an unreachable target is retried. */
const GIVE_UP_MS = 60 * 60 * 1_000;

export interface NotifierOptions extends Pick<Runtime, "clock" | "log" | "metrics" | "random"> {
  readonly rule: AlertNotice["rule"];
  readonly target: Target;
  /** Called when the target accepted a message, so that the notice is stored at once. */
  readonly delivered: () => void;
}

/** A message that is being delivered, with its retries. */
interface Delivery {
  readonly event: AlertMessage["event"];
  readonly beganMs: number;
  attempts: number;
  notBeforeMs: number;
  over: boolean;
}

/** Sends the messages of one rule to one target, and knows which message the target got last. */
export class Notifier {
  readonly target: Target;
  readonly #options: NotifierOptions;
  #lastSent: "firing" | "over" | "unknown" = "over";
  /** When it was sent, by the wall clock. It orders the notices of all processes. */
  #lastSentMs = 0;
  /** The same moment by the monotonic clock, because the wall clock may jump. */
  #lastSentMonotonicMs = Number.NEGATIVE_INFINITY;
  #unstored: AlertNotice | undefined;
  #delivery: Delivery | undefined;
  #request: Promise<void> | undefined;

  constructor(options: NotifierOptions) {
    this.#options = options;
    this.target = options.target;
  }

  /**
   * The last message that the target got. `unknown`: the target may have an incident that no notice
   * mentions.
   */
  get lastSent(): "firing" | "over" | "unknown" {
    return this.#lastSent;
  }

  /** Milliseconds since the last message was sent. */
  get sentAgoMs(): number {
    return this.#options.clock.monotonic() - this.#lastSentMonotonicMs;
  }

  /** The last notice, until it is known to be stored. */
  get unstored(): AlertNotice | undefined {
    return this.#unstored;
  }

  /** Takes over the newest notice for this target, whichever process stored it. */
  adopt(notices: readonly AlertNotice[]): void {
    const { rule } = this.#options;
    const notice = notices.find((one) => one.rule === rule && one.target === this.target.name);
    const atMs = notice === undefined ? 0 : Date.parse(notice.at);
    if (notice === undefined || atMs < this.#lastSentMs) return;
    this.#unstored = undefined;
    if (atMs === this.#lastSentMs) return;
    const { clock } = this.#options;
    this.#lastSent = notice.firing ? "firing" : "over";
    this.#lastSentMs = atMs;
    this.#lastSentMonotonicMs = clock.monotonic() - Math.max(0, clock.now() - atMs);
  }

  /** Assumes that an earlier process may have notified this target without storing the notice. */
  markUnknown(): void {
    // A chat would show the end of an alert that it never showed.
    if (this.target.mergesRepeats && this.#lastSent === "over") this.#lastSent = "unknown";
  }

  /** Sends this message if it is due. At most one request is under way. */
  step(message: AlertMessage | undefined, signal: AbortSignal): void {
    if (this.#request !== undefined) return;
    if (message?.event !== this.#delivery?.event) this.#delivery = undefined;
    if (message === undefined) return;
    const nowMs = this.#options.clock.monotonic();
    const { event } = message;
    this.#delivery ??= { event, beganMs: nowMs, attempts: 0, notBeforeMs: nowMs, over: false };
    if (this.#delivery.over || nowMs < this.#delivery.notBeforeMs) return;
    this.#request = this.#attempt(this.#delivery, message, signal).finally(() => {
      this.#request = undefined;
    });
  }

  /** Resolves when no request is under way. */
  async settled(): Promise<void> {
    await this.#request;
  }

  async #attempt(delivery: Delivery, message: AlertMessage, signal: AbortSignal): Promise<void> {
    const result = await this.target.send(message, signal);
    switch (result.kind) {
      case "taken":
        return this.#taken(delivery, message);
      case "refused":
        return this.#refused(delivery, result);
      case "failed":
        return this.#failed(delivery, result);
    }
  }

  #taken({ event, beganMs, attempts }: Delivery, { nowMs }: AlertMessage): void {
    const { log, delivered, clock } = this.#options;
    const outageMs = Math.round(clock.monotonic() - beganMs);
    // If the state is unknown, a resolve is sent to be safe. Usually there is nothing to end.
    const level = event === "resolve" && this.#lastSent !== "firing" ? "debug" : "info";
    const outage = attempts > 0 && { outage_ms: outageMs };
    log[level]({ msg: "alert sent", ...this.#names(), event, ...outage });
    this.#count("sent");
    this.#lastSent = event === "trigger" ? "firing" : "over";
    // Two notices of the same millisecond need an order.
    this.#lastSentMs = Math.max(nowMs, this.#lastSentMs + 1);
    this.#lastSentMonotonicMs = clock.monotonic();
    const at = new Date(this.#lastSentMs).toISOString();
    this.#unstored = { ...this.#names(), firing: event === "trigger", at };
    delivered();
  }

  #refused(delivery: Delivery, { status, words }: PostResult & { kind: "refused" }): void {
    delivery.over = true;
    this.#count("refused");
    this.#options.log.error({
      msg: `alert refused: ${this.target.whenRefused}; check it with lyftr alerts test`,
      ...this.#names(),
      event: delivery.event,
      status,
      answer: words,
    });
  }

  #failed(delivery: Delivery, result: PostResult & { kind: "failed" }): void {
    const { log, clock, random } = this.#options;
    const { reason, retryAfterMs, isOutcomeUnknown } = result;
    if (delivery.event === "trigger" && isOutcomeUnknown) this.#lastSent = "unknown";
    const waitMs = Math.min(RETRY_MS_MAX, RETRY_MS_FIRST * 2 ** delivery.attempts);
    delivery.attempts++;
    delivery.notBeforeMs =
      clock.monotonic() + Math.max(retryAfterMs, waitMs * (0.5 + random() / 2));
    delivery.over = delivery.notBeforeMs > delivery.beganMs + GIVE_UP_MS;
    this.#count(delivery.over ? "gave_up" : "failed");
    const { event, attempts } = delivery;
    const line = { ...this.#names(), event, reason, attempts };
    if (delivery.over) log.error({ msg: "alert could not be sent, giving up", ...line });
    else if (attempts === 1) log.warn({ msg: "alert could not be sent, trying again", ...line });
  }

  #count(result: AlertResult): void {
    this.#options.metrics.alertNotifications.inc({ target: this.target.name, result });
  }

  #names() {
    return { rule: this.#options.rule, target: this.target.name };
  }
}

import type { Clock } from "../../domain/clock.ts";
import { sign } from "../../providers/signature.ts";
import { connectionProblem, isCertificateProblem, issueInWords } from "../failures.ts";
import { type HttpAnswer, HttpClient } from "./http-client.ts";

const ATTEMPTS_MAX = 5;
const DELAY_MS_FIRST = 100;
/** A service may ask for more patience than this; then the message counts as failed. */
const DELAY_MS_MAX = 5_000;
const ANSWER_MS_MAX = 30_000;
const PROBLEM_CHARACTERS_MAX = 200;
const TOO_MANY_REQUESTS = 429;

/** What became of one message. `unreachable` tells a service that is not there from one that answers with an error. */
export type SendOutcome =
  | { readonly kind: "accepted" }
  | { readonly kind: "refused"; readonly status: number; readonly problem: string }
  | {
      readonly kind: "failed";
      readonly problem: string;
      readonly unreachable: boolean;
      /** It is there, and its certificate is not accepted. */
      readonly untrusted?: boolean;
    };

export interface SenderOptions {
  /** The address of the service, with or without `/webhook`. */
  readonly url: string;
  readonly secret: string;
  readonly connectionsMax: number;
  readonly clock: Clock;
  /** Between 0 and 1; spreads the second attempts of senders that failed together. */
  readonly random: () => number;
  /** Ends the waiting between two attempts. */
  readonly signal: AbortSignal;
  /** Told how long each answer took, in milliseconds. */
  readonly answered: (ms: number) => void;
}

/** Signs and posts messages; tries again when the service is away or overloaded, which the message's id makes safe. */
export class Sender {
  readonly #options: SenderOptions;
  readonly #url: URL;
  readonly #client: HttpClient;

  constructor(options: SenderOptions) {
    this.#options = options;
    this.#url = new URL(options.url.endsWith("/webhook") ? options.url : `${options.url}/webhook`);
    this.#client = new HttpClient(options);
  }

  /** Never rejects. `signature` is the right one unless given. */
  async send(body: Buffer, signature = sign(this.#options.secret, body)): Promise<SendOutcome> {
    for (let attempt = 1; ; attempt++) {
      const { outcome, retryAfterSeconds } = await this.#attempt(body, signature);
      const again = outcome.kind === "failed" || (outcome.kind === "refused" && outcome.status === TOO_MANY_REQUESTS);
      if (!again || attempt === ATTEMPTS_MAX || !(await this.#waited(attempt, retryAfterSeconds))) return outcome;
    }
  }

  close(): void {
    this.#client.close();
  }

  async #attempt(
    body: Buffer,
    signature: string,
  ): Promise<{ outcome: SendOutcome; retryAfterSeconds?: number | undefined }> {
    const { clock, answered } = this.#options;
    const headers = { "content-type": "application/json", "x-signature": signature };
    const startMs = clock.monotonic();
    try {
      const answer = await this.#client.request(this.#url, { method: "POST", headers, body, msMax: ANSWER_MS_MAX });
      answered(clock.monotonic() - startMs);
      return { outcome: outcomeOf(answer), retryAfterSeconds: answer.retryAfterSeconds };
    } catch (error) {
      const problem = connectionProblem(error, this.#url);
      return { outcome: { kind: "failed", problem, unreachable: true, untrusted: isCertificateProblem(error) } };
    }
  }

  /** Waits before the next attempt; false when there shall be none. */
  async #waited(attempt: number, retryAfterSeconds = 0): Promise<boolean> {
    const { clock, random, signal } = this.#options;
    const delayMs = DELAY_MS_FIRST * 2 ** (attempt - 1) * (0.5 + random());
    try {
      await clock.sleep(Math.min(DELAY_MS_MAX, Math.max(delayMs, retryAfterSeconds * 1_000)), signal);
      return true;
    } catch {
      return false;
    }
  }
}

function outcomeOf({ status, body }: HttpAnswer): SendOutcome {
  if (status >= 200 && status < 300) return { kind: "accepted" };
  const problem = `${status} ${firstProblem(body)}`.slice(0, PROBLEM_CHARACTERS_MAX);
  return status >= 500 ? { kind: "failed", problem, unreachable: false } : { kind: "refused", status, problem };
}

/** The first of the problems in an error body, or its beginning when something else answered. */
function firstProblem(body: string): string {
  try {
    const { detail } = JSON.parse(body) as { detail: string | readonly { loc: readonly string[]; msg: string }[] };
    const [first] = typeof detail === "string" ? [] : detail;
    return first === undefined ? String(detail) : issueInWords(first);
  } catch {
    return body.replace(/\s+/g, " ").trim();
  }
}

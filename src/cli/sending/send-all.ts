import {
  type Fetch,
  LyftrClient,
  type LyftrClientOptions,
  LyftrError,
  nodeFetch,
} from "../../../client/client.ts";
import { connectionProblem, issueInWords } from "../failures.ts";
import { LINE_BYTES_MAX } from "../importing/ndjson.ts";
import { isUnreachable, type SendTally } from "./send-tally.ts";

/** After this many messages in a row without an answer, the others would fail too. */
const UNREACHABLE_IN_A_ROW_MAX = 8;
const ATTEMPTS_MAX = 5;
const ATTEMPT_MS_MAX = 30_000;
/** The time for all attempts, including the pauses that the service asks for. */
const MESSAGE_MS_MAX = 180_000;

/** One message to send. `line` is its number, for people. */
export interface Outgoing {
  readonly line: number;
  /** Undefined when it is too long to be a message. */
  readonly body: Buffer | undefined;
  /** Signs the message instead of the correct secret. */
  readonly secret?: string;
}

export interface SendAllOptions<T extends Outgoing> {
  /** The URL of the service, with or without `/webhook`. */
  readonly url: string;
  readonly secret: string;
  readonly concurrency: number;
  readonly tally: SendTally;
  /** `problem` is the reason why the message was not accepted. */
  readonly done: (message: T, problem: string | undefined) => void;
  /** Aborted to stop sending further messages. */
  readonly signal: AbortSignal;
  /** How long to wait for pending answers after that. */
  readonly graceMs: number;
}

/**
 * Sends each message, a bounded number at a time. Resolves with false if it stopped early because
 * the service cannot be reached.
 */
export async function sendAll<T extends Outgoing>(
  messages: AsyncGenerator<T>,
  options: SendAllOptions<T>,
): Promise<boolean> {
  const { url, concurrency, tally, done, signal } = options;
  const send = sender(options);
  let unreachableInARow = 0;
  const lane = async () => {
    while (!signal.aborted && unreachableInARow < UNREACHABLE_IN_A_ROW_MAX) {
      const { value: message, done: ended } = await messages.next();
      if (ended) return;
      if (message.body === undefined) {
        tally.skip();
        done(message, `longer than ${LINE_BYTES_MAX} bytes`);
        continue;
      }
      const error = await send(message.body, message.secret);
      unreachableInARow = error !== undefined && isUnreachable(error) ? unreachableInARow + 1 : 0;
      tally.count(error);
      done(message, error && problemOf(error, new URL(url)));
    }
  };
  await Promise.all(Array.from({ length: concurrency }, lane));
  return unreachableInARow < UNREACHABLE_IN_A_ROW_MAX;
}

/** Resolves with the error of a message, or undefined when it was accepted. */
type Send = (body: Buffer, secret?: string) => Promise<LyftrError | undefined>;

function sender(options: Omit<SendAllOptions<Outgoing>, "done">): Send {
  const { url, secret, concurrency, tally, signal, graceMs } = options;
  const settings: LyftrClientOptions = {
    url,
    secret,
    concurrency,
    attemptsMax: ATTEMPTS_MAX,
    attemptMs: ATTEMPT_MS_MAX,
    deadlineMs: MESSAGE_MS_MAX,
    fetch: timed(nodeFetch({ connectionsMax: concurrency }), (ms) => tally.answered(ms)),
  };
  const client = new LyftrClient(settings);
  const ending = new AbortController();
  signal.addEventListener("abort", () => setTimeout(() => ending.abort(), graceMs));
  return async (body, other) => {
    const by = other === undefined ? client : new LyftrClient({ ...settings, secret: other });
    try {
      await by.sendBytes(body as Buffer<ArrayBuffer>, { signal: ending.signal });
      return undefined;
    } catch (error) {
      if (!(error instanceof LyftrError)) throw error;
      // Other services with this webhook may use other words for success.
      return error.status !== undefined && error.status < 300 ? undefined : error;
    }
  };
}

/** Measures the duration of each answer, in milliseconds. */
function timed(fetch: Fetch, answered: (ms: number) => void): Fetch {
  return async (url, init) => {
    const startMs = performance.now();
    const answer = await fetch(url, init);
    answered(performance.now() - startMs);
    return answer;
  };
}

function problemOf(error: LyftrError, url: URL): string {
  const { status, issues, message } = error;
  if (status === undefined) return connectionProblem(error, url);
  return issues?.[0] === undefined ? message : `${status} ${issueInWords(issues[0])}`;
}

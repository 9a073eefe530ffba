import { abortedBy, LyftrError, type LyftrErrorKind } from "./errors.ts";
import type { Message } from "./message.ts";

const FAILURES_KEPT_MAX = 100;
/** What is wrong for every message alike: sending the others could only fail as well. */
const HOPELESS: readonly LyftrErrorKind[] = ["usage", "unauthorized", "certificate", "protocol"];
/** The service was not to be had for a whole deadline. */
const AWAY: readonly LyftrErrorKind[] = ["unavailable", "timeout", "network"];

export interface Progress {
  readonly sent: number;
  readonly failed: number;
  /** Taken from the source, and not answered yet. */
  readonly underWay: number;
}

export interface SendManyOptions {
  /** Messages under way at once; as many as the client allows unless given. */
  readonly concurrency?: number;
  /** Called after each message. */
  readonly onProgress?: (progress: Progress) => void;
  /** Ends it early. What is under way then counts as failed, though it may arrive. */
  readonly signal?: AbortSignal;
  /** For each message with all its attempts. */
  readonly deadlineMs?: number;
  /** Of the trace that all of them belong to. */
  readonly traceparent?: string;
}

export interface Failure {
  readonly message: Message;
  readonly error: LyftrError;
}

export interface SendManyResult {
  readonly sent: number;
  readonly failed: number;
  /** Of all messages together. */
  readonly attempts: number;
  /** The first hundred. */
  readonly failures: readonly Failure[];
  /** Why not all messages were taken: aborted, nobody there any more, or something that is wrong for each of them. */
  readonly stopped: LyftrError | undefined;
}

type Send = (message: Message) => Promise<{ readonly attempts: number }>;

/** One call of `sendMany`: a number of lanes, each of which takes a message, sends it, and takes the next. */
export class SendManyRun {
  readonly #send: Send;
  readonly #source: Source;
  readonly #lanes: number;
  readonly #options: SendManyOptions;
  readonly #underWay = new Set<Promise<void>>();
  readonly #failures: Failure[] = [];
  #sent = 0;
  #failed = 0;
  #attempts = 0;
  #awayInARow = 0;
  #stopped: LyftrError | undefined;

  constructor(
    send: Send,
    messages: Iterable<Message> | AsyncIterable<Message>,
    options: SendManyOptions & { readonly concurrency: number },
  ) {
    this.#send = send;
    this.#source = new Source(messages);
    this.#lanes = options.concurrency;
    this.#options = options;
  }

  /** Rejects only with what the source or `onProgress` throws. */
  async run(): Promise<SendManyResult> {
    const { signal } = this.#options;
    let aborted = () => {};
    // A source may keep a lane waiting for ever, which no signal of ours ends.
    const abort = new Promise<void>((resolve) => {
      aborted = () => {
        this.#stopped ??= abortedBy(signal as AbortSignal);
        resolve();
      };
    });
    if (signal?.aborted) aborted();
    signal?.addEventListener("abort", aborted);
    try {
      await Promise.race([Promise.all(Array.from({ length: this.#lanes }, () => this.#lane())), abort]);
    } finally {
      signal?.removeEventListener("abort", aborted);
      this.#source.stop();
      await Promise.allSettled(this.#underWay);
      await this.#source.close();
    }
    const result = { sent: this.#sent, failed: this.#failed, attempts: this.#attempts };
    return { ...result, failures: this.#failures, stopped: this.#stopped };
  }

  async #lane(): Promise<void> {
    while (this.#stopped === undefined) {
      const next = await this.#source.next();
      if (next.done) return;
      // What was taken is always accounted for, also when it was stopped meanwhile.
      const work = this.#one(next.value);
      this.#underWay.add(work);
      await work.finally(() => this.#underWay.delete(work));
      const { size } = this.#underWay;
      this.#options.onProgress?.({ sent: this.#sent, failed: this.#failed, underWay: size });
    }
  }

  async #one(message: Message): Promise<void> {
    try {
      const { attempts } = await this.#send(message);
      this.#attempts += attempts;
      this.#sent++;
      this.#awayInARow = 0;
    } catch (error) {
      if (!(error instanceof LyftrError)) throw error;
      this.#attempts += error.attempts;
      this.#failed++;
      if (this.#failures.length < FAILURES_KEPT_MAX) this.#failures.push({ message, error });
      this.#awayInARow = AWAY.includes(error.kind) ? this.#awayInARow + 1 : 0;
      // Every lane has waited a whole deadline in vain, or it would never end.
      if (HOPELESS.includes(error.kind) || this.#awayInARow >= this.#lanes) this.#stopped ??= error;
    }
  }
}

/** The messages, taken one at a time however many lanes ask: not every iterator can be asked twice at once. */
class Source {
  readonly #iterator: Iterator<Message> | AsyncIterator<Message>;
  #last: Promise<unknown> = Promise.resolve();
  #ended = false;
  /** Stopped before its end. */
  #abandoned = false;
  #taking = 0;

  constructor(messages: Iterable<Message> | AsyncIterable<Message>) {
    this.#iterator = Symbol.asyncIterator in messages ? messages[Symbol.asyncIterator]() : messages[Symbol.iterator]();
  }

  next(): Promise<IteratorResult<Message, unknown>> {
    const next = this.#last.then(() => this.#take());
    this.#last = next.catch(() => undefined);
    return next;
  }

  async #take(): Promise<IteratorResult<Message, unknown>> {
    if (this.#ended) return { done: true, value: undefined };
    this.#taking++;
    try {
      const next = await this.#iterator.next();
      if (next.done) this.#ended = true;
      return next;
    } catch (error) {
      this.#ended = true;
      throw error;
    } finally {
      this.#taking--;
    }
  }

  /** Takes no more. */
  stop(): void {
    this.#abandoned ||= !this.#ended;
    this.#ended = true;
  }

  /** Lets a source that was stopped before its end clean up. One that hangs is not waited for. */
  async close(): Promise<void> {
    if (!this.#abandoned) return;
    const closed = this.#iterator.return?.();
    if (this.#taking === 0) await closed;
    else Promise.resolve(closed).catch(() => undefined);
  }
}

import { abortedBy, LyftrError, type LyftrErrorKind } from "./errors.ts";
import type { Message } from "./message.ts";

const FAILURES_KEPT_MAX = 100;
/** Errors that every message would get, so sending the others is pointless. */
const FATAL: readonly LyftrErrorKind[] = ["usage", "unauthorized", "certificate", "protocol"];
/** The service was unavailable for a whole deadline. */
const UNAVAILABLE: readonly LyftrErrorKind[] = ["unavailable", "timeout", "network"];

export interface Progress {
  readonly sent: number;
  readonly failed: number;
  /** Taken from the source, and not answered yet. */
  readonly underWay: number;
}

export interface SendManyOptions {
  /** Messages under way at once. Default: as many as the client allows. */
  readonly concurrency?: number;
  /** Called after each message. */
  readonly onProgress?: (progress: Progress) => void;
  /**
   * Ends the call early. Messages that are under way then count as failed, although they may
   * arrive.
   */
  readonly signal?: AbortSignal;
  /** The deadline of each message, including all attempts. */
  readonly deadlineMs?: number;
  /** The trace that all messages belong to. */
  readonly traceparent?: string;
}

export interface Failure {
  readonly message: Message;
  readonly error: LyftrError;
}

export interface SendManyResult {
  readonly sent: number;
  readonly failed: number;
  /** For all messages together. */
  readonly attempts: number;
  /** At most the first hundred. */
  readonly failures: readonly Failure[];
  /**
   * Why not all messages were taken: the call was aborted, the service is unavailable, or every
   * message would fail.
   */
  readonly stopped: LyftrError | undefined;
}

type Send = (message: Message) => Promise<{ readonly attempts: number }>;

/**
 * One call of `sendMany`. It has several lanes; each one repeatedly takes a message and sends it.
 */
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
  #unavailableInARow = 0;
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

  /** Rejects only with an exception of the source or `onProgress`. */
  async run(): Promise<SendManyResult> {
    const { signal } = this.#options;
    let aborted = () => {};
    // A source may keep a lane waiting for ever, and our signal cannot end it.
    const abort = new Promise<void>((resolve) => {
      aborted = () => {
        this.#stopped ??= abortedBy(signal as AbortSignal);
        resolve();
      };
    });
    if (signal?.aborted) aborted();
    signal?.addEventListener("abort", aborted);
    try {
      await Promise.race([
        Promise.all(Array.from({ length: this.#lanes }, () => this.#lane())),
        abort,
      ]);
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
      // Every message that was taken is counted, even if the call was stopped in between.
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
      this.#unavailableInARow = 0;
    } catch (error) {
      if (!(error instanceof LyftrError)) throw error;
      this.#attempts += error.attempts;
      this.#failed++;
      if (this.#failures.length < FAILURES_KEPT_MAX) this.#failures.push({ message, error });
      this.#unavailableInARow = UNAVAILABLE.includes(error.kind) ? this.#unavailableInARow + 1 : 0;
      // Stops once every lane has waited a whole deadline in vain. Otherwise it would never end.
      if (FATAL.includes(error.kind) || this.#unavailableInARow >= this.#lanes)
        this.#stopped ??= error;
    }
  }
}

/**
 * The messages, taken one at a time even if several lanes ask: not every iterator allows concurrent
 * calls.
 */
class Source {
  readonly #iterator: Iterator<Message> | AsyncIterator<Message>;
  #last: Promise<unknown> = Promise.resolve();
  #ended = false;
  /** Stopped before its end. */
  #stoppedEarly = false;
  #taking = 0;

  constructor(messages: Iterable<Message> | AsyncIterable<Message>) {
    this.#iterator =
      Symbol.asyncIterator in messages
        ? messages[Symbol.asyncIterator]()
        : messages[Symbol.iterator]();
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

  /** Takes no more messages. */
  stop(): void {
    this.#stoppedEarly ||= !this.#ended;
    this.#ended = true;
  }

  /** Lets a source that was stopped before its end clean up. A hanging source is not awaited. */
  async close(): Promise<void> {
    if (!this.#stoppedEarly) return;
    const closed = this.#iterator.return?.();
    if (this.#taking === 0) await closed;
    else Promise.resolve(closed).catch(() => undefined);
  }
}

import { type Clock, systemClock } from "./clock.ts";
import { abortedBy, LyftrError } from "./errors.ts";
import { encoded, type Message } from "./message.ts";
import { concurrencyOf } from "./options.ts";
import { OutboxFile } from "./outbox-file.ts";
import { lockOutbox, type OutboxLock } from "./outbox-lock.ts";
import type { Body } from "./outbox-record.ts";
import { retryDelayMs } from "./retry.ts";
import type { Failure } from "./send-many.ts";

const BYTES_MAX = 67_108_864;
const CONCURRENCY = 16;
/** The service may be unavailable for days. It is tried about twice a minute. */
const PAUSE_MS_MAX = 60_000;
/** A faulty server must not stop an outbox for longer. */
const RETRY_AFTER_MS_MAX = 3_600_000;

/** The methods of a client that an outbox needs. */
interface Sender {
  sendBytes(body: Body, options: { readonly signal: AbortSignal }): Promise<unknown>;
}

export interface OutboxOptions {
  /** The maximum size of pending messages; beyond it append() rejects. Default: 64 MiB. */
  readonly bytesMax?: number;
  /** Messages under way at once. Default: 16. */
  readonly concurrency?: number;
  /**
   * Called when a message was refused. It stays in the file, is not sent again until the outbox is
   * reopened, and `discard` removes it.
   */
  readonly onRefused?: (failure: Failure) => void;
  /** Called when no message can be sent, with the reason. Sending is retried automatically. */
  readonly onProblem?: (error: LyftrError) => void;
  readonly random?: () => number;
  readonly clock?: Clock;
}

/**
 * For senders that may crash. `append` resolves when the message is in a file and synced. The
 * message is then sent until the service has it, through crashes of either side. Unacknowledged
 * messages are sent again when the file is reopened. The service stores each once.
 */
export class Outbox {
  readonly #client: Sender;
  readonly #file: OutboxFile;
  readonly #lock: OutboxLock;
  readonly #options: OutboxOptions;
  readonly #clock: Clock;
  readonly #closing = new AbortController();
  /** Numbers of the messages that wait for their turn. */
  readonly #ready: Set<number>;
  readonly #underWay = new Map<number, Promise<void>>();
  readonly #refused = new Map<number, Failure>();
  readonly #watchers = new Set<() => void>();
  #failuresInARow = 0;
  #paused = false;
  #closed: Promise<void> | undefined;

  /** Opens the file, or creates it, and starts to send. Only one process at a time can open it. */
  static async open(path: string, client: Sender, options: OutboxOptions = {}): Promise<Outbox> {
    concurrencyOf(options.concurrency ?? CONCURRENCY);
    const lock = await lockOutbox(path);
    try {
      return new Outbox(client, await OutboxFile.open(path), lock, options);
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  private constructor(client: Sender, file: OutboxFile, lock: OutboxLock, options: OutboxOptions) {
    this.#client = client;
    this.#file = file;
    this.#lock = lock;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#ready = new Set(file.pending.keys());
    this.#pump();
  }

  /** How many messages the service does not have yet, including refused ones. */
  get pending(): number {
    return this.#file.pending.size;
  }

  /** The messages that were refused since the outbox was opened. */
  get refused(): readonly Failure[] {
    return [...this.#refused.values()];
  }

  /** Resolves when the message is on disk. From then on it is sent automatically. */
  async append(message: Message): Promise<void> {
    const body = encoded(message);
    const { bytesMax = BYTES_MAX } = this.#options;
    if (this.#file.pendingBytes + body.length > bytesMax)
      throw new LyftrError("outbox", `${bytesMax} bytes wait in the outbox already`, {
        code: "FULL",
      });
    this.#ready.add(await this.#file.append(body));
    this.#pump();
  }

  /** Resolves when the service has every message that it does not refuse. */
  drained({ signal }: { readonly signal?: AbortSignal } = {}): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = () => {
        const closed = this.#closed !== undefined;
        if (!this.#isDrained() && !closed && !signal?.aborted) return;
        this.#watchers.delete(settle);
        signal?.removeEventListener("abort", settle);
        if (this.#isDrained()) resolve();
        else
          reject(
            signal?.aborted
              ? abortedBy(signal)
              : new LyftrError("outbox", "closed before", { code: "CLOSED" }),
          );
      };
      this.#watchers.add(settle);
      signal?.addEventListener("abort", settle);
      settle();
    });
  }

  /** Removes refused messages with this id. */
  discard(messageId: string): void {
    for (const [number, { message }] of this.#refused) {
      if (message.message_id !== messageId) continue;
      this.#refused.delete(number);
      this.#file.done(number);
    }
  }

  /** Stops sending. Pending messages are sent when the file is opened again. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#closing.abort();
    await Promise.all(this.#underWay.values());
    await this.#file.close();
    await this.#lock.release();
    this.#notifyWatchers();
  }

  #isDrained(): boolean {
    return this.#file.pending.size === this.#refused.size;
  }

  #notifyWatchers(): void {
    for (const watcher of [...this.#watchers]) watcher();
  }

  #pump(): void {
    const { concurrency = CONCURRENCY } = this.#options;
    for (const number of this.#ready) {
      if (this.#paused || this.#closing.signal.aborted || this.#underWay.size >= concurrency)
        return;
      const body = this.#file.pending.get(number);
      this.#ready.delete(number);
      if (body !== undefined) this.#underWay.set(number, this.#send(number, body));
    }
  }

  /** Never rejects. */
  async #send(number: number, body: Body): Promise<void> {
    const { signal } = this.#closing;
    try {
      await this.#client.sendBytes(body, { signal });
      this.#failuresInARow = 0;
      this.#file.done(number);
    } catch (error) {
      const failure =
        error instanceof LyftrError
          ? error
          : new LyftrError("usage", String(error), { cause: error });
      if (failure.kind === "invalid" || failure.kind === "too_large")
        this.#refuse(number, body, failure);
      else {
        this.#ready.add(number);
        if (!signal.aborted) void this.#pause(failure);
      }
    }
    this.#underWay.delete(number);
    this.#notifyWatchers();
    this.#pump();
  }

  #refuse(number: number, body: Body, error: LyftrError): void {
    const failure = { message: JSON.parse(new TextDecoder().decode(body)) as Message, error };
    this.#refused.set(number, failure);
    callLater(this.#options.onRefused, failure);
  }

  /** Pauses sending: the other messages would meet the same problem. */
  async #pause(error: LyftrError): Promise<void> {
    if (this.#paused) return;
    this.#paused = true;
    callLater(this.#options.onProblem, error);
    const retryAfterMs = Math.min(RETRY_AFTER_MS_MAX, error.retryAfterMs ?? 0);
    const random = this.#options.random ?? Math.random;
    const delayMs = retryDelayMs(++this.#failuresInARow, retryAfterMs, random, PAUSE_MS_MAX);
    await this.#clock.sleep(delayMs, this.#closing.signal);
    this.#paused = false;
    this.#pump();
  }
}

/** An exception of a callback is the caller's own, and must not disturb sending. */
function callLater<T>(callback: ((value: T) => void) | undefined, value: T): void {
  if (callback !== undefined) queueMicrotask(() => callback(value));
}

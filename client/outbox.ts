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
/** The service may be away for days: it is asked about twice a minute. */
const PAUSE_MS_MAX = 60_000;
/** A server in disorder must not silence an outbox for longer. */
const RETRY_AFTER_MS_MAX = 3_600_000;

/** The part of a client that an outbox needs. */
interface Sender {
  sendBytes(body: Body, options: { readonly signal: AbortSignal }): Promise<unknown>;
}

export interface OutboxOptions {
  /** What may be pending; past it append() rejects. 64 MiB. */
  readonly bytesMax?: number;
  /** Messages under way at once; 16. */
  readonly concurrency?: number;
  /** A message was refused. It stays in the file, is not sent again until the outbox is opened anew, and `discard` takes it out. */
  readonly onRefused?: (failure: Failure) => void;
  /** Nothing could be sent for this reason; it is tried again by itself. */
  readonly onProblem?: (error: LyftrError) => void;
  readonly random?: () => number;
  readonly clock?: Clock;
}

/**
 * For senders that may crash. A message is in a file, synced, before `append` resolves; it is sent until the service has it, through
 * crashes of either side; and what was not acknowledged is sent again when the file is opened anew. The service keeps it once.
 */
export class Outbox {
  readonly #client: Sender;
  readonly #file: OutboxFile;
  readonly #lock: OutboxLock;
  readonly #options: OutboxOptions;
  readonly #clock: Clock;
  readonly #closing = new AbortController();
  /** Numbers of those that wait for their turn. */
  readonly #ready: Set<number>;
  readonly #underWay = new Map<number, Promise<void>>();
  readonly #refused = new Map<number, Failure>();
  readonly #watchers = new Set<() => void>();
  #failuresInARow = 0;
  #paused = false;
  #closed: Promise<void> | undefined;

  /** Opens the file, or makes it, and begins to send. One process at a time. */
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

  /** How many messages the service does not have yet, those it refused among them. */
  get pending(): number {
    return this.#file.pending.size;
  }

  /** Those that were refused since it was opened. */
  get refused(): readonly Failure[] {
    return [...this.#refused.values()];
  }

  /** Resolves when the message is on disk. It is sent from then on, by itself. */
  async append(message: Message): Promise<void> {
    const body = encoded(message);
    const { bytesMax = BYTES_MAX } = this.#options;
    if (this.#file.pendingBytes + body.length > bytesMax)
      throw new LyftrError("outbox", `${bytesMax} bytes wait in the outbox already`, { code: "FULL" });
    this.#ready.add(await this.#file.append(body));
    this.#pump();
  }

  /** Resolves when the service has everything that it does not refuse. */
  drained({ signal }: { readonly signal?: AbortSignal } = {}): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = () => {
        const closed = this.#closed !== undefined;
        if (!this.#isDrained() && !closed && !signal?.aborted) return;
        this.#watchers.delete(settle);
        signal?.removeEventListener("abort", settle);
        if (this.#isDrained()) resolve();
        else
          reject(signal?.aborted ? abortedBy(signal) : new LyftrError("outbox", "closed before", { code: "CLOSED" }));
      };
      this.#watchers.add(settle);
      signal?.addEventListener("abort", settle);
      settle();
    });
  }

  /** Takes refused messages with this id out. */
  discard(messageId: string): void {
    for (const [number, { message }] of this.#refused) {
      if (message.message_id !== messageId) continue;
      this.#refused.delete(number);
      this.#file.done(number);
    }
  }

  /** Sends no more; what is pending is sent when the file is opened again. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#closing.abort();
    await Promise.all(this.#underWay.values());
    await this.#file.close();
    await this.#lock.release();
    this.#tell();
  }

  #isDrained(): boolean {
    return this.#file.pending.size === this.#refused.size;
  }

  #tell(): void {
    for (const watcher of [...this.#watchers]) watcher();
  }

  #pump(): void {
    const { concurrency = CONCURRENCY } = this.#options;
    for (const number of this.#ready) {
      if (this.#paused || this.#closing.signal.aborted || this.#underWay.size >= concurrency) return;
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
      const failure = error instanceof LyftrError ? error : new LyftrError("usage", String(error), { cause: error });
      if (failure.kind === "invalid" || failure.kind === "too_large") this.#refuse(number, body, failure);
      else {
        this.#ready.add(number);
        if (!signal.aborted) void this.#pause(failure);
      }
    }
    this.#underWay.delete(number);
    this.#tell();
    this.#pump();
  }

  #refuse(number: number, body: Body, error: LyftrError): void {
    const failure = { message: JSON.parse(new TextDecoder().decode(body)) as Message, error };
    this.#refused.set(number, failure);
    callLater(this.#options.onRefused, failure);
  }

  /** Nobody begins to send for a while: what one message met, the others would meet as well. */
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

/** What a callback throws is its owner's, and not part of sending. */
function callLater<T>(callback: ((value: T) => void) | undefined, value: T): void {
  if (callback !== undefined) queueMicrotask(() => callback(value));
}

import { setTimeout as sleep } from "node:timers/promises";
import {
  Overloaded,
  ReadCancelled,
  type StoreBroken,
  StoreUnavailable,
} from "../../../domain/errors.ts";
import { tooSlow } from "../../read-limits.ts";
import type { ReadThreadEnd } from "../../store.ts";
import { ReadingThread } from "./reading-thread.ts";

/**
 * For reads that may take long: this many may wait, none runs longer than this, and one thread is
 * always left to the others.
 */
const HEAVY_QUEUE_MAX = 64;
const HEAVY_MS_MAX = 5_000;
/** A read of a few rows takes longer than this only when the disk hangs. */
const QUICK_MS_MAX = 8_000;
/** How long a read waits for its turn. */
const WAIT_MS_MAX = 5_000;
/** The maximum number of abandoned threads. Each still runs a statement that cannot be stopped. */
const GIVEN_UP_MAX = 2;
/** A second end within this time is reported as a repeated one. */
const AGAIN_MS_MAX = 60_000;
const CLOSE_MS_MAX = 2_000;
/** A call that is only worth while it is quick. */
const IF_FREE_MS_MAX = 1_000;

export interface ReadCall {
  /** Whether it may read many messages. */
  readonly heavy?: boolean;
  /** Aborted when the result is no longer wanted. */
  readonly signal?: AbortSignal | undefined;
}

interface WaitingRead {
  readonly operation: string;
  readonly argument: unknown;
  readonly heavy: boolean;
  readonly signal: AbortSignal | undefined;
  /** Called when its turn comes. By then it has left the queue. */
  readonly begin: () => void;
  readonly resolve: (result: never) => void;
  readonly reject: (error: unknown) => void;
}

export interface ReaderPoolOptions {
  readonly threads: number;
  /** How many quick reads may wait. */
  readonly queueMax: number;
  readonly heavyMsMax?: number;
  readonly waitMsMax?: number;
  /** Called for each unexpected end of a thread. */
  readonly threadEnded?: (end: ReadThreadEnd) => void;
  /** The file with the code of the threads. */
  readonly name?: string;
}

/**
 * A few reading threads behind two bounded queues: one for quick reads, one for reads that may take
 * long.
 */
export class ReaderPool {
  /** Resolves when a thread reports that the database is broken. */
  readonly broken: Promise<StoreBroken>;
  readonly #threads: readonly ReadingThread[];
  /** Reads first while it is free, so that the others are not needed. */
  readonly #first: ReadingThread | undefined;
  /** The last one reads next. */
  readonly #free: ReadingThread[];
  readonly #quick: WaitingRead[] = [];
  readonly #heavy: WaitingRead[] = [];
  readonly #queueMax: number;
  readonly #heavyMsMax: number;
  readonly #waitMsMax: number;
  readonly #threadEnded: (end: ReadThreadEnd) => void;
  readonly #givenUp = new Set<Promise<void>>();
  #heavyMax: number;
  #restarts = 0;
  #lastEndMs = Number.NEGATIVE_INFINITY;

  constructor(path: string, options: ReaderPoolOptions) {
    const { promise, resolve } = Promise.withResolvers<StoreBroken>();
    this.broken = promise;
    this.#queueMax = options.queueMax;
    this.#heavyMsMax = options.heavyMsMax ?? HEAVY_MS_MAX;
    this.#waitMsMax = options.waitMsMax ?? WAIT_MS_MAX;
    this.#threadEnded = options.threadEnded ?? (() => undefined);
    this.#heavyMax = Math.max(1, options.threads - 1);
    const thread = () =>
      new ReadingThread({
        path,
        name: options.name ?? "reader",
        broken: resolve,
        ended: (reason) => this.#reportEnd(reason),
        givenUp: (end) => this.#waitForEnd(end),
        mayStart: () => this.#fewGivenUp(),
      });
    this.#threads = Array.from({ length: options.threads }, thread);
    this.#first = this.#threads.at(-1);
    this.#free = [...this.#threads];
  }

  /** Reads that wait for a thread. */
  queued(): number {
    return this.#quick.length + this.#heavy.length;
  }

  /** How often a thread was restarted. */
  restarts(): number {
    return this.#restarts;
  }

  call<T>(
    operation: string,
    argument?: unknown,
    { heavy = false, signal }: ReadCall = {},
  ): Promise<T> {
    const [queue, max] = heavy ? [this.#heavy, HEAVY_QUEUE_MAX] : [this.#quick, this.#queueMax];
    if (queue.length >= max) return Promise.reject(new Overloaded("too many reads are waiting"));
    return this.#enqueue(queue, operation, argument, signal);
  }

  /**
   * Calls even when the queue is full: the health check asks whether reads work, not whether there
   * are many.
   */
  callAnyway<T>(operation: string): Promise<T> {
    return this.#enqueue(this.#quick, operation, undefined, undefined);
  }

  /**
   * Calls the thread that reads first, which is always the same one. Resolves with undefined when
   * it is busy, takes long or fails.
   */
  async callIfFree<T>(operation: string): Promise<T | undefined> {
    const thread = this.#free.at(-1);
    if (thread === undefined || thread !== this.#first) return undefined;
    this.#free.pop();
    return new Promise<T | undefined>((resolve) => {
      const timer = setTimeout(resolve, IF_FREE_MS_MAX, undefined);
      const done = (result: T | undefined) => {
        clearTimeout(timer);
        resolve(result);
      };
      void this.#run(thread, {
        operation,
        argument: undefined,
        heavy: false,
        signal: undefined,
        begin: () => undefined,
        resolve: done,
        reject: () => done(undefined),
      });
    });
  }

  /** Makes each thread open its files again, after its current read. */
  async reopen(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.reopen()));
  }

  /**
   * Resolves when the threads have ended. It waits two seconds for a statement that cannot be
   * stopped: by then its caller has left.
   */
  async close(): Promise<void> {
    const ends = [...this.#threads.map((thread) => thread.close()), ...this.#givenUp];
    await Promise.race([Promise.all(ends), sleep(CLOSE_MS_MAX, undefined, { ref: false })]);
  }

  #enqueue<T>(
    queue: WaitingRead[],
    operation: string,
    argument: unknown,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    if (signal?.aborted) return Promise.reject(new ReadCancelled());
    return new Promise<T>((resolve, reject) => {
      const leave = (error: Error) => {
        queue.splice(queue.indexOf(read), 1);
        begin();
        reject(error);
      };
      const gone = () => leave(new ReadCancelled());
      const timer = setTimeout(
        () => leave(new Overloaded("a read waited too long for its turn")),
        this.#waitMsMax,
      );
      const begin = () => {
        clearTimeout(timer);
        // One signal may serve many reads one after the other, so each removes its listener.
        signal?.removeEventListener("abort", gone);
      };
      const read: WaitingRead = {
        operation,
        argument,
        heavy: queue === this.#heavy,
        signal,
        begin,
        resolve,
        reject,
      };
      queue.push(read);
      signal?.addEventListener("abort", gone, { once: true });
      this.#next();
    });
  }

  #next(): void {
    const thread = this.#free.pop();
    if (thread === undefined) return;
    const read = this.#quick.shift() ?? (this.#heavyMax > 0 ? this.#heavy.shift() : undefined);
    if (read === undefined) {
      this.#free.push(thread);
      return;
    }
    if (read.heavy) this.#heavyMax--;
    read.begin();
    void this.#run(thread, read);
  }

  async #run(thread: ReadingThread, read: WaitingRead): Promise<void> {
    const { operation, argument, heavy, signal, resolve, reject } = read;
    const msMax = heavy ? this.#heavyMsMax : QUICK_MS_MAX;
    const tooLate = () =>
      heavy ? tooSlow(msMax) : new StoreUnavailable("SQLite: a read took too long");
    try {
      // It may start for the first time, or again after it ended while idle.
      await thread.ready();
      const result = await thread.run<never>({ operation, argument, msMax, signal, tooLate });
      // First, so that the next read of the same caller finds this thread and starts no other.
      this.#release(thread, read);
      resolve(result);
    } catch (error) {
      reject(error);
      // The slot of a long read stays taken until its replacement thread runs.
      await thread.ready();
      this.#release(thread, read);
    }
  }

  #release(thread: ReadingThread, { heavy }: WaitingRead): void {
    if (heavy) this.#heavyMax++;
    if (thread === this.#first) this.#free.push(thread);
    else this.#free.unshift(thread);
    this.#next();
  }

  #reportEnd(reason: string): void {
    this.#restarts++;
    const nowMs = performance.now();
    this.#threadEnded({ reason, again: nowMs - this.#lastEndMs < AGAIN_MS_MAX });
    this.#lastEndMs = nowMs;
  }

  #waitForEnd(end: Promise<void>): void {
    this.#givenUp.add(end);
    end.finally(() => this.#givenUp.delete(end));
  }

  async #fewGivenUp(): Promise<void> {
    while (this.#givenUp.size > GIVEN_UP_MAX) await Promise.race(this.#givenUp);
  }
}

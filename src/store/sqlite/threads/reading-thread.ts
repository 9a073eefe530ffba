import { setTimeout as sleep } from "node:timers/promises";
import { ReadCancelled, type StoreBroken, StoreUnavailable } from "../../../domain/errors.ts";
import type { ReaderData } from "./reader.ts";
import { WorkerClient } from "./worker-client.ts";

/** How long a read may take to stop: a single SQLite statement cannot be stopped. */
const STOP_MS_MAX = 1_000;
/** A thread that ended sooner than this after its start is not restarted at once. */
const LIFE_MS_MIN = 10_000;
const RESTART_PAUSE_MS = 1_000;

export interface Read {
  readonly operation: string;
  readonly argument: unknown;
  /** How long it may run. */
  readonly msMax: number;
  /** Aborted when the result is no longer wanted. */
  readonly signal: AbortSignal | undefined;
  /** The error when it ran too long. */
  readonly tooLate: () => Error;
}

export interface ReadingThreadOptions {
  readonly path: string;
  /** The file with the code of the thread. */
  readonly name: string;
  /** Called when the thread reports that the database is broken. */
  readonly broken: (error: StoreBroken) => void;
  /** Called when the thread ended by itself, or was abandoned. */
  readonly ended: (reason: string) => void;
  /**
   * Resolves when another thread may be started. Abandoned threads run until their statement ends.
   */
  readonly mayStart: () => Promise<void>;
  /** Called for a thread that was abandoned. */
  readonly givenUp: (end: Promise<void>) => void;
}

interface Started {
  readonly line: WorkerClient;
  /** Not 0 when the current read must stop. */
  readonly stop: Int32Array<SharedArrayBuffer>;
  readonly sinceMs: number;
}

/**
 * A thread that reads, one call at a time. It starts when it is first needed. When it ends, or does
 * not stop in time, another thread replaces it.
 */
export class ReadingThread {
  readonly #options: ReadingThreadOptions;
  #thread: Started | undefined;
  #ready: Promise<void> | undefined;
  #closed = false;

  constructor(options: ReadingThreadOptions) {
    this.#options = options;
  }

  /** Resolves when it can take a call. The first time, this starts the thread. */
  ready(): Promise<void> {
    this.#ready ??= this.#startAfter(0);
    return this.#ready;
  }

  /**
   * Rejects with `StoreUnavailable` when the thread ends, and with `ReadCancelled` when the signal
   * is aborted.
   */
  async run<T>(read: Read): Promise<T> {
    const thread = this.#thread;
    if (thread === undefined)
      throw new StoreUnavailable("SQLite: a reading thread is being started again");
    if (read.signal?.aborted) throw new ReadCancelled();
    let late = false;
    let giveUp: NodeJS.Timeout | undefined;
    const stuck = Promise.withResolvers<never>();
    Atomics.store(thread.stop, 0, 0);
    const stop = () => {
      Atomics.store(thread.stop, 0, 1);
      giveUp ??= setTimeout(() => {
        stuck.reject(new ReadCancelled());
        this.#replace(thread, `it did not stop within ${STOP_MS_MAX} ms`);
      }, STOP_MS_MAX);
    };
    const timer = setTimeout(() => {
      late = true;
      stop();
    }, read.msMax);
    read.signal?.addEventListener("abort", stop, { once: true });
    try {
      return await Promise.race([
        thread.line.call<T>(read.operation, read.argument),
        stuck.promise,
      ]);
    } catch (error) {
      throw error instanceof ReadCancelled && late ? read.tooLate() : error;
    } finally {
      clearTimeout(timer);
      clearTimeout(giveUp);
      read.signal?.removeEventListener("abort", stop);
    }
  }

  /**
   * Makes the thread open its files again, after its current read. A restarted thread does so
   * anyway.
   */
  async reopen(): Promise<void> {
    await this.#thread?.line.call("reopen").catch(() => undefined);
  }

  /** Resolves when the thread has ended. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#thread?.line.terminate();
  }

  #start(): Started {
    const { path, name, broken } = this.#options;
    const stop = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
    const line = new WorkerClient(name, { path, stop } satisfies ReaderData, { replaceable: true });
    const thread = { line, stop: new Int32Array(stop), sinceMs: performance.now() };
    line.broken.then(broken);
    line.ended.then((reason) => this.#replace(thread, reason));
    return thread;
  }

  #replace(thread: Started, reason: string): void {
    if (thread !== this.#thread || this.#closed) return;
    this.#thread = undefined;
    this.#options.givenUp(thread.line.terminate());
    this.#options.ended(reason);
    const livedMs = performance.now() - thread.sinceMs;
    this.#ready = this.#startAfter(livedMs < LIFE_MS_MIN ? RESTART_PAUSE_MS : 0);
  }

  async #startAfter(pauseMs: number): Promise<void> {
    await this.#options.mayStart();
    if (pauseMs > 0) await sleep(pauseMs, undefined, { ref: false });
    if (this.#closed) return;
    try {
      this.#thread = this.#start();
    } catch (error) {
      // The machine has no thread left. The next read tries again.
      this.#ready = undefined;
      this.#options.ended(`it cannot be started: ${(error as Error).message}`);
    }
  }
}

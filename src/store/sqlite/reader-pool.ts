import { Abandoned, Overloaded, TooBroad } from "../../domain/errors.ts";
import type { ReaderData } from "./reader.ts";
import { WorkerLine } from "./worker-line.ts";

/** Reads that may take long: so many wait, none runs longer than this, and one thread is always left to the others. */
const HEAVY_QUEUE_MAX = 64;
const HEAVY_MS_MAX = 5_000;

export interface ReadCall {
  /** It may look at many messages. */
  readonly heavy?: boolean;
  /** Aborted when nobody waits for the answer any more. */
  readonly signal?: AbortSignal | undefined;
}

interface Read {
  readonly operation: string;
  readonly argument: unknown;
  readonly heavy: boolean;
  readonly signal: AbortSignal | undefined;
  /** Takes it out of the queue. */
  readonly leave: () => void;
  readonly resolve: (result: never) => void;
  readonly reject: (error: unknown) => void;
}

export interface ReaderPoolOptions {
  readonly threads: number;
  /** How many quick reads may wait. */
  readonly queueMax: number;
  readonly heavyMsMax?: number;
}

interface Reader {
  readonly line: WorkerLine;
  readonly stop: Int32Array;
}

/** A few reading threads behind two bounded queues: one for reads that are quick, one for those that may not be. */
export class ReaderPool {
  readonly lines: readonly WorkerLine[];
  readonly #free: Reader[];
  readonly #quick: Read[] = [];
  readonly #heavy: Read[] = [];
  readonly #queueMax: number;
  readonly #heavyMsMax: number;
  #heavyMax: number;

  constructor(path: string, { threads, queueMax, heavyMsMax = HEAVY_MS_MAX }: ReaderPoolOptions) {
    this.#free = Array.from({ length: threads }, () => {
      const stop = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
      const line = new WorkerLine("reader", { path, stop } satisfies ReaderData);
      return { line, stop: new Int32Array(stop) };
    });
    this.lines = this.#free.map(({ line }) => line);
    this.#queueMax = queueMax;
    this.#heavyMsMax = heavyMsMax;
    this.#heavyMax = Math.max(1, threads - 1);
  }

  /** Reads that wait for a thread. */
  queued(): number {
    return this.#quick.length + this.#heavy.length;
  }

  call<T>(operation: string, argument?: unknown, { heavy = false, signal }: ReadCall = {}): Promise<T> {
    const [queue, max] = heavy ? [this.#heavy, HEAVY_QUEUE_MAX] : [this.#quick, this.#queueMax];
    if (queue.length >= max) return Promise.reject(new Overloaded("too many reads are waiting"));
    return this.#enqueue(queue, operation, argument, signal);
  }

  /** A call that may stand in the queue even when it is full: the health check asks whether reads come through, not whether there are many. */
  callAnyway<T>(operation: string): Promise<T> {
    return this.#enqueue(this.#quick, operation, undefined, undefined);
  }

  /** Resolves when the threads have ended. A long scan is not waited for: whoever asked for it is gone by then. */
  async close(): Promise<void> {
    await Promise.all(this.lines.map((line) => line.terminate()));
  }

  #enqueue<T>(queue: Read[], operation: string, argument: unknown, signal: AbortSignal | undefined): Promise<T> {
    if (signal?.aborted) return Promise.reject(abandoned());
    return new Promise<T>((resolve, reject) => {
      const leave = () => {
        queue.splice(queue.indexOf(read), 1);
        reject(abandoned());
      };
      const read: Read = { operation, argument, heavy: queue === this.#heavy, signal, leave, resolve, reject };
      queue.push(read);
      signal?.addEventListener("abort", leave, { once: true });
      this.#next();
    });
  }

  #next(): void {
    const reader = this.#free.pop();
    if (reader === undefined) return;
    const read = this.#quick.shift() ?? (this.#heavyMax > 0 ? this.#heavy.shift() : undefined);
    if (read === undefined) {
      this.#free.push(reader);
      return;
    }
    if (read.heavy) this.#heavyMax--;
    this.#run(reader, read).finally(() => {
      if (read.heavy) this.#heavyMax++;
      this.#free.push(reader);
      this.#next();
    });
  }

  async #run({ line, stop }: Reader, read: Read): Promise<void> {
    const { operation, argument, heavy, signal, resolve, reject } = read;
    // One signal may serve many reads, one after the other: what hangs on it goes with each.
    signal?.removeEventListener("abort", read.leave);
    let late = false;
    Atomics.store(stop, 0, 0);
    const end = () => void Atomics.store(stop, 0, 1);
    const endLate = () => {
      late = true;
      end();
    };
    const timer = heavy ? setTimeout(endLate, this.#heavyMsMax) : undefined;
    signal?.addEventListener("abort", end, { once: true });
    try {
      resolve(await line.call<never>(operation, argument));
    } catch (error) {
      reject(error instanceof Abandoned && late ? tooSlow(this.#heavyMsMax) : error);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
    }
  }
}

function abandoned(): Abandoned {
  return new Abandoned("nobody waits for it any more");
}

function tooSlow(ms: number): TooBroad {
  return new TooBroad(
    `This took longer than ${ms / 1_000} seconds. Narrow it by from, since, until or a longer search`,
  );
}

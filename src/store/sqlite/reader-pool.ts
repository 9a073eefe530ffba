import { Overloaded } from "../../domain/errors.ts";
import { WorkerLine } from "./worker-line.ts";

interface Read {
  readonly operation: string;
  readonly argument: unknown;
  readonly resolve: (result: never) => void;
  readonly reject: (error: unknown) => void;
}

/** A few reading threads behind a bounded queue. */
export class ReaderPool {
  readonly lines: readonly WorkerLine[];
  readonly #free: WorkerLine[];
  readonly #queue: Read[] = [];
  readonly #queueMax: number;

  constructor(path: string, { threads, queueMax }: { threads: number; queueMax: number }) {
    this.lines = Array.from({ length: threads }, () => new WorkerLine("reader", { path }));
    this.#free = [...this.lines];
    this.#queueMax = queueMax;
  }

  call<T>(operation: string, argument?: unknown): Promise<T> {
    if (this.#queue.length >= this.#queueMax) return Promise.reject(new Overloaded("too many reads are waiting"));
    return this.#enqueue(operation, argument);
  }

  /** A call that may stand in the queue even when it is full: the health check asks whether reads come through, not whether there are many. */
  callAnyway<T>(operation: string): Promise<T> {
    return this.#enqueue(operation, undefined);
  }

  /** Resolves when the threads have ended. A long scan is not waited for: whoever asked for it is gone by then. */
  async close(): Promise<void> {
    await Promise.all(this.lines.map((line) => line.terminate()));
  }

  #enqueue<T>(operation: string, argument: unknown): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#queue.push({ operation, argument, resolve, reject });
      this.#next();
    });
  }

  #next(): void {
    const line = this.#free.pop();
    if (line === undefined) return;
    const read = this.#queue.shift();
    if (read === undefined) {
      this.#free.push(line);
      return;
    }
    const done = () => {
      this.#free.push(line);
      this.#next();
    };
    line.call<never>(read.operation, read.argument).then(read.resolve, read.reject).finally(done);
  }
}

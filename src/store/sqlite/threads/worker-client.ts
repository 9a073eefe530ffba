import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import {
  QueryTooExpensive,
  ReadCancelled,
  ReadIndexBehind,
  StoreBroken,
  StoreDamaged,
  StoreRefused,
  StoreUnavailable,
} from "../../../domain/errors.ts";
import { forbidClosing, mayClose } from "../forbid-closing.ts";

export interface Call {
  readonly id: number;
  readonly operation: string;
  readonly argument: unknown;
}
export interface Failure {
  readonly name: string;
  readonly message: string;
}
export type Answer =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly failure: Failure }
  /** A failure after the answer was sent. */
  | { readonly id: undefined; readonly failure: Failure }
  | { readonly progress: string };

interface Waiting {
  readonly resolve: (result: never) => void;
  readonly reject: (error: Error) => void;
}

// A thread holds one batch or one page, so it produces little garbage. With an unbounded heap it
// would be collected late.
const RESOURCE_LIMITS = { maxYoungGenerationSizeMb: 4, maxOldGenerationSizeMb: 64 };

export interface WorkerClientOptions {
  /** Called with the thread's reports. */
  readonly progress?: (text: string) => void;
  /** Whether another thread can replace it. Then its end does not break the database. */
  readonly replaceable?: boolean;
}

/**
 * The main thread's end of a worker thread with a database connection: sends calls and receives
 * answers, in order.
 */
export class WorkerClient {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #calls = 0;
  #closed: Promise<void> | undefined;
  #dead: StoreUnavailable | undefined;
  readonly #broken = Promise.withResolvers<StoreBroken>();
  readonly #ended = Promise.withResolvers<string>();
  /**
   * Resolves when the thread reports that its database is broken, or ended and cannot be replaced.
   */
  readonly broken: Promise<StoreBroken> = this.#broken.promise;
  /** Resolves with the reason when the thread has ended. */
  readonly ended: Promise<string> = this.#ended.promise;

  /** `name` is a file in this folder that calls {@link serveWorker}. */
  constructor(
    name: string,
    data: unknown,
    { progress = () => {}, replaceable = false }: WorkerClientOptions = {},
  ) {
    // The source runs as .ts, the published package as .js.
    this.#worker = new Worker(new URL(`./${name}${extname(import.meta.url)}`, import.meta.url), {
      workerData: data,
      resourceLimits: RESOURCE_LIMITS,
    });
    this.#worker.on("message", (answer: Answer) => {
      if ("progress" in answer) return progress(answer.progress);
      const waiting = answer.id === undefined ? undefined : this.#waiting.get(answer.id);
      if (answer.id !== undefined) this.#waiting.delete(answer.id);
      if ("result" in answer) return waiting?.resolve(answer.result as never);
      const error = toError(answer.failure);
      if (error instanceof StoreBroken) {
        forbidClosing();
        this.#broken.resolve(error);
      }
      waiting?.reject(error);
    });
    const die = (reason: string) => this.#die(reason, replaceable ? StoreUnavailable : StoreBroken);
    this.#worker.on("error", (error: Error) => die(`a database thread failed: ${error.message}`));
    this.#worker.on("exit", () => die("a database thread ended"));
  }

  call<T>(operation: string, argument?: unknown): Promise<T> {
    if (this.#closed !== undefined)
      return Promise.reject(new StoreUnavailable("the database is closed"));
    return this.#send(operation, argument);
  }

  /**
   * Resolves when all earlier calls are answered and the thread has ended. Safe to call twice, and
   * after the thread has ended.
   */
  close(): Promise<void> {
    this.#closed ??= this.#send<void>("close")
      .catch(() => undefined)
      .then(() => this.#end());
    return this.#closed;
  }

  /** Ends the thread at once. Its pending calls are rejected. */
  terminate(): Promise<void> {
    this.#closed ??= this.#end();
    return this.#closed;
  }

  async #end(): Promise<void> {
    // The end of a thread closes its connections.
    if (mayClose()) await this.#worker.terminate();
  }

  #send<T>(operation: string, argument?: unknown): Promise<T> {
    if (this.#dead !== undefined) return Promise.reject(this.#dead);
    const id = ++this.#calls;
    return new Promise<T>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage({ id, operation, argument } satisfies Call);
    });
  }

  #die(reason: string, Failure: typeof StoreBroken | typeof StoreUnavailable): void {
    this.#dead ??= new Failure(reason);
    if (this.#closed === undefined && this.#dead instanceof StoreBroken)
      this.#broken.resolve(this.#dead);
    this.#ended.resolve(reason);
    for (const waiting of this.#waiting.values()) waiting.reject(this.#dead);
    this.#waiting.clear();
  }
}

const ERRORS = {
  ReadIndexBehind,
  StoreUnavailable,
  StoreBroken,
  StoreDamaged,
  StoreRefused,
  QueryTooExpensive,
  ReadCancelled,
};

/** Errors lose their class between threads, but not their name. */
function toError({ name, message }: Failure): Error {
  const Known = ERRORS[name as keyof typeof ERRORS] ?? Error;
  return new Known(message);
}

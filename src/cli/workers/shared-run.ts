/**
 * Runs work whose result many callers wait for. Only one run is active at a time, and all calls
 * during it share the next run. So each result is newer than its call, and any number of calls
 * causes at most one further run.
 */
export class SharedRun<T> {
  readonly #work: () => Promise<T>;
  #running: Promise<T> | undefined;
  #next: Promise<T> | undefined;

  constructor(work: () => Promise<T>) {
    this.#work = work;
  }

  get(): Promise<T> {
    if (this.#next !== undefined) return this.#next;
    if (this.#running === undefined) return this.#run();
    const again = () => {
      this.#next = undefined;
      return this.#run();
    };
    this.#next = this.#running.then(again, again);
    return this.#next;
  }

  #run(): Promise<T> {
    const running = this.#work().finally(() => {
      if (this.#running === running) this.#running = undefined;
    });
    this.#running = running;
    return running;
  }
}

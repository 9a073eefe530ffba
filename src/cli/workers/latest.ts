/**
 * Work whose result many wait for: one run at a time, and everybody who asks during a run shares the next, so that each result is
 * younger than its question and no number of questions makes more than one run follow another.
 */
export class Latest<T> {
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

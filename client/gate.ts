import { abortedBy, LyftrError } from "./errors.ts";

const WAITING_MAX = 100_000;

interface Waiting {
  readonly enter: () => void;
}

/**
 * Limits the number of requests under way; the others wait in turn. Each may have its own
 * connection.
 */
export class Gate {
  readonly #places: number;
  readonly #waiting = new Set<Waiting>();
  #taken = 0;

  constructor(places: number) {
    this.#places = places;
  }

  /** Resolves when there is a free slot, which `leave` releases. */
  async enter(msMax: number, signal: AbortSignal | undefined): Promise<void> {
    if (this.#taken < this.#places) this.#taken++;
    else await this.#wait(msMax, signal);
  }

  leave(): void {
    const [next] = this.#waiting;
    if (next === undefined) this.#taken--;
    else next.enter();
  }

  #wait(msMax: number, signal: AbortSignal | undefined): Promise<void> {
    if (this.#waiting.size >= WAITING_MAX) {
      const advice = "sendMany() takes no more messages than it can send";
      throw new LyftrError(
        "usage",
        `more than ${WAITING_MAX} requests of this client wait for their turn; ${advice}`,
      );
    }
    return new Promise((resolve, reject) => {
      const settle = (settled: () => void) => {
        this.#waiting.delete(waiting);
        clearTimeout(timer);
        signal?.removeEventListener("abort", aborted);
        settled();
      };
      const waiting = { enter: () => settle(resolve) };
      const late = () =>
        new LyftrError("timeout", "the request did not get its turn before the deadline");
      const timer = setTimeout(() => settle(() => reject(late())), msMax);
      const aborted = () => settle(() => reject(abortedBy(signal as AbortSignal)));
      signal?.addEventListener("abort", aborted);
      this.#waiting.add(waiting);
    });
  }
}

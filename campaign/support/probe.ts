import { setTimeout } from "node:timers/promises";

const EVERY_MS = 50;
const ANSWER_MS_MAX = 20_000;
/**
 * A fault delays all probes, or those of its whole duration. A machine that is busy with load
 * delays a few.
 */
const P90_MS_MAX = 1_000;

/** Asks for one URL again and again, and records how it was answered. */
export class Probe {
  readonly #stopping = new AbortController();
  readonly #running: Promise<void>;
  readonly #tookMs: number[] = [];
  readonly #failures: string[] = [];

  constructor(url: string) {
    this.#running = this.#run(url);
  }

  /** Answers other than 200, and requests without an answer. */
  get failures(): readonly string[] {
    return this.#failures;
  }

  /** 99 % of the answers took at most this long. */
  get p99Ms(): number {
    return quantile(this.#tookMs, 0.99);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  /** What this probe found, as broken promises. */
  broken(): readonly string[] {
    const broken = this.#failures.slice(0, 3);
    const p90Ms = quantile(this.#tookMs, 0.9);
    if (p90Ms > P90_MS_MAX) broken.push(`10 % of the probes took more than ${p90Ms} ms`);
    if (this.#tookMs.length === 0) broken.push("the probe was never answered");
    return broken;
  }

  async #run(url: string): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      const startMs = performance.now();
      const outcome = await fetch(url, { signal: AbortSignal.timeout(ANSWER_MS_MAX) }).then(
        async (answer) => {
          await answer.arrayBuffer();
          return String(answer.status);
        },
        (error: Error) => error.name,
      );
      this.#tookMs.push(Math.round(performance.now() - startMs));
      if (outcome !== "200") this.#failures.push(`${new URL(url).pathname} got ${outcome}`);
      await setTimeout(EVERY_MS, undefined, { signal: this.#stopping.signal }).catch(
        () => undefined,
      );
    }
  }
}

/** The value below which this share of the numbers is. 0 without any. */
export function quantile(numbers: readonly number[], share: number): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.ceil(sorted.length * share) - 1] ?? 0;
}

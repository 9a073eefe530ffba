import { Agent, get } from "node:http";
import { percentile } from "./figures.ts";

const ANSWER_MS_MAX = 600_000;

export interface TimedAnswer {
  readonly status: number;
  readonly body: string;
  readonly etag: string | undefined;
  /** From the request to the end of the answer. */
  readonly ms: number;
}

export interface Latencies {
  readonly requests: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

export interface RepeatBounds {
  readonly requestsMax: number;
  readonly msMax: number;
  /** Gets each answer, outside of the measured time. */
  readonly check: (answer: TimedAnswer) => void;
}

export function latenciesOf(times: readonly number[]): Latencies {
  const sorted = Float64Array.from(times).sort();
  return {
    requests: times.length,
    p50Ms: percentile(sorted, 0.5),
    p99Ms: percentile(sorted, 0.99),
    maxMs: percentile(sorted, 1),
  };
}

/** One keep-alive connection that sends one request after the other. */
export class ClosedLoop implements Disposable {
  readonly #url: string;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });

  constructor(url: string, headers: Readonly<Record<string, string>> = {}) {
    this.#url = url;
    this.#headers = headers;
  }

  get(path: string): Promise<TimedAnswer> {
    const startMs = performance.now();
    return new Promise((resolve, reject) => {
      const request = get(
        `${this.#url}${path}`,
        { agent: this.#agent, headers: this.#headers, timeout: ANSWER_MS_MAX },
        (response) => {
          const chunks: Buffer[] = [];
          response.on("data", (chunk: Buffer) => chunks.push(chunk)).on("error", reject);
          response.on("end", () => {
            const ms = performance.now() - startMs;
            resolve({
              status: response.statusCode ?? 0,
              body: Buffer.concat(chunks).toString(),
              etag: response.headers.etag,
              ms,
            });
          });
        },
      );
      request
        .on("error", reject)
        .on("timeout", () => request.destroy(new Error(`${path} was not answered`)));
    });
  }

  /** Repeats a request until one of the bounds is reached. */
  async repeat(path: string, bounds: RepeatBounds): Promise<Latencies> {
    return latenciesOf(await this.times(path, bounds));
  }

  /** The same, and returns the time of each answer in milliseconds. */
  async times(
    path: string,
    { requestsMax, msMax, check }: RepeatBounds,
  ): Promise<readonly number[]> {
    const times: number[] = [];
    for (const endMs = performance.now() + msMax; times.length < requestsMax; ) {
      const answer = await this.get(path);
      check(answer);
      times.push(answer.ms);
      if (performance.now() > endMs) break;
    }
    return times;
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }
}

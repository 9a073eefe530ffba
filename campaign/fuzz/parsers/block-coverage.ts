import { type Profiler, Session } from "node:inspector/promises";

type Offsets = readonly [start: number, end: number];

/**
 * Which blocks of src/ have run, counted by V8 itself. V8 reports the blocks of a function that
 * have not run; a block is new when it is no longer among them.
 */
export class BlockCoverage implements Disposable {
  readonly #session = new Session();
  /** For each function that has run, the parts that never have. */
  #missing = new Map<string, readonly Offsets[]>();

  /** Must be called before the functions run, best before their modules are loaded. */
  static async start(): Promise<BlockCoverage> {
    const coverage = new BlockCoverage();
    coverage.#session.connect();
    await coverage.#session.post("Profiler.enable");
    const options = { callCount: true, detailed: true };
    await coverage.#session.post("Profiler.startPreciseCoverage", options);
    return coverage;
  }

  /** Whether code has run since the last call that had never run before. */
  async hasNew(): Promise<boolean> {
    const { result } = await this.#session.post("Profiler.takePreciseCoverage");
    let isNew = false;
    for (const { url, functions } of result) {
      if (!url.includes("/src/")) continue;
      for (const one of functions) if (this.#add(url, one)) isNew = true;
    }
    return isNew;
  }

  /** What has run so far, for {@link BlockCoverage.restore}. */
  get state(): ReadonlyMap<string, readonly Offsets[]> {
    return new Map(this.#missing);
  }

  /** Forgets what has run since then. */
  restore(state: ReadonlyMap<string, readonly Offsets[]>): void {
    this.#missing = new Map(state);
  }

  /** The functions that have run, and the blocks in them that have not. */
  get counts(): { readonly functions: number; readonly blocksMissing: number } {
    const missing = [...this.#missing.values()];
    return {
      functions: missing.length,
      blocksMissing: missing.reduce((sum, offsets) => sum + offsets.length, 0),
    };
  }

  [Symbol.dispose](): void {
    this.#session.disconnect();
  }

  #add(url: string, { ranges }: Profiler.FunctionCoverage): boolean {
    const [whole] = ranges;
    if (whole === undefined || whole.count === 0) return false;
    const name = `${url}:${whole.startOffset}:${whole.endOffset}`;
    const notNow = ranges
      .filter(({ count }) => count === 0)
      .map(({ startOffset, endOffset }): Offsets => [startOffset, endOffset]);
    const before = this.#missing.get(name);
    if (before === undefined) {
      this.#missing.set(name, notNow);
      return true;
    }
    const still = common(before, notNow);
    this.#missing.set(name, still);
    return lengthOf(still) < lengthOf(before);
  }
}

/** The parts that are in both lists. */
function common(some: readonly Offsets[], others: readonly Offsets[]): readonly Offsets[] {
  return some.flatMap(([start, end]) =>
    others
      .map(([from, to]): Offsets => [Math.max(start, from), Math.min(end, to)])
      .filter(([from, to]) => from < to),
  );
}

function lengthOf(parts: readonly Offsets[]): number {
  return parts.reduce((sum, [start, end]) => sum + end - start, 0);
}

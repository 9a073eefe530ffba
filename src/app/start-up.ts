import { readFileSync } from "node:fs";
import type { Config } from "../config.ts";
import type { ServiceMetrics } from "../observe/metrics.ts";
import type { Log, Runtime } from "../runtime.ts";

/** The version in package.json. */
export const VERSION: string = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")).version;

/** What every step of the start-up is handed. A step returns what it started, and says in `stopping` how it is stopped. */
export interface StartUp {
  readonly config: Config;
  readonly runtime: AppRuntime;
  /** Undefined when this process works alone. */
  readonly part: Part | undefined;
  /** Whether this process works alone, or is the first of several. */
  readonly isFirst: boolean;
  /** The log for lines that are the same in all processes: only the first writes them. */
  readonly onceLog: Log;
  /** Stops what was started, in reverse order. */
  readonly stopping: AsyncDisposableStack;
}

/** The runtime of the service, whose metrics can be rendered too. */
export interface AppRuntime extends Runtime {
  readonly metrics: ServiceMetrics;
}

/** What is different when this process is one of several that share the work. */
export interface Part {
  /** Its number stands in each of its log lines. That it listens and has closed is told by whoever started it. */
  readonly worker: number;
  /** The metrics of all of them, as one text. */
  readonly renderAll: () => Promise<string>;
}

const nothing = () => undefined;
export const NO_LOG: Log = { debug: nothing, info: nothing, warn: nothing, error: nothing, fatal: nothing };

import { readFileSync } from "node:fs";
import type { Config } from "../config.ts";
import type { Setting } from "../domain/setting.ts";
import type { ServiceMetrics } from "../observe/metrics.ts";
import type { OverviewFigures } from "../observe/overview-figures.ts";
import type { Log, Runtime } from "../runtime.ts";

/** The version in package.json. */
export const VERSION: string = JSON.parse(
  readFileSync(new URL("../../package.json", import.meta.url), "utf8"),
).version;

/** What a service is started with besides its configuration. */
export interface StartOptions {
  /** The settings as an administrator may see them. */
  readonly settings: readonly Setting[];
  /** Given when this process is one of several. */
  readonly part?: Part;
}

/**
 * What every step of the start-up gets. A step returns what it started, and registers in `stopping`
 * how to stop it.
 */
export interface StartUp {
  readonly config: Config;
  readonly settings: readonly Setting[];
  readonly runtime: AppRuntime;
  /** Undefined when this process works alone. */
  readonly part: Part | undefined;
  /** Whether this process works alone, or is the first of several. */
  readonly isFirst: boolean;
  /** The log for lines that are the same in all processes: only the first process writes them. */
  readonly firstLog: Log;
  /** Stops everything that was started, in reverse order. */
  readonly stopping: AsyncDisposableStack;
}

/** The runtime of the service, whose metrics can be rendered too. */
export interface AppRuntime extends Runtime {
  readonly metrics: ServiceMetrics;
}

/** The differences when this process is one of several that share the work. */
export interface Part {
  /**
   * Its number is in each of its log lines. The parent process logs that it listens and that it has
   * closed.
   */
  readonly worker: number;
  /** When the service was started, by the wall clock. This process may be younger. */
  readonly startedMs: number;
  /** Renders the metrics of all processes as one text. */
  readonly renderAll: () => Promise<string>;
  /** The figures of all processes for the overview, as those of one. */
  readonly figuresOfAll: () => Promise<OverviewFigures>;
}

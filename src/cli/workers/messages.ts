import type { ListeningInfo } from "../../app.ts";
import type { Config } from "../../config.ts";
import type { Setting } from "../../domain/setting.ts";
import type { Samples } from "../../observe/metrics.ts";
import type { OverviewFigures } from "../../observe/overview-figures.ts";
import type { Explanation } from "../failures.ts";

/** A message from the supervisor to a worker. */
export type Order =
  /**
   * The first message, sent once. Only the supervisor reads the configuration, so a restarted
   * worker has the same.
   */
  | {
      readonly kind: "serve";
      readonly worker: number;
      /** When the service was started, by the wall clock. */
      readonly startedMs: number;
      readonly config: Config;
      readonly settings: readonly Setting[];
    }
  | { readonly kind: "close" }
  /** Asks for the worker's samples. */
  | { readonly kind: "sample"; readonly id: number }
  /** Asks for the worker's samples of some metrics. */
  | { readonly kind: "sample_some"; readonly id: number; readonly names: readonly string[] }
  /** The metrics of all workers, as this worker requested. */
  | { readonly kind: "metrics"; readonly id: number; readonly text: string }
  /** The figures of all workers, as this worker requested. */
  | { readonly kind: "figures"; readonly id: number; readonly figures: OverviewFigures };

/** A message from a worker to the supervisor. */
export type Report =
  | { readonly kind: "listening"; readonly listeningInfo: ListeningInfo }
  /** The worker could not start, and ends. */
  | { readonly kind: "failed"; readonly explanation: Explanation }
  | { readonly kind: "sampled"; readonly id: number; readonly samples: Samples }
  | { readonly kind: "sampled_some"; readonly id: number; readonly samples: Samples }
  /** Sent every second and at the end: the counts to keep after the worker has ended. */
  | { readonly kind: "counted"; readonly counts: Samples }
  /** Asks for the metrics of all workers. */
  | { readonly kind: "scraped"; readonly id: number }
  /** Asks for the figures of all workers. */
  | { readonly kind: "overview_asked"; readonly id: number };

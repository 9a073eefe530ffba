import type { Reach } from "../../app.ts";
import type { Config } from "../../config.ts";
import type { Samples } from "../../observe/metrics.ts";
import type { Complaint } from "../failures.ts";

/** What the supervisor tells a worker. */
export type Order =
  /** Comes first, once. The configuration is read by the supervisor alone, so that a worker that is started again has the same. */
  | { readonly kind: "serve"; readonly worker: number; readonly config: Config }
  | { readonly kind: "close" }
  /** Send your samples. */
  | { readonly kind: "sample"; readonly id: number }
  /** The metrics of all, which this worker had asked for. */
  | { readonly kind: "metrics"; readonly id: number; readonly text: string };

/** What a worker tells the supervisor. */
export type Report =
  | { readonly kind: "listening"; readonly reach: Reach }
  /** It could not start, and ends. */
  | { readonly kind: "failed"; readonly complaint: Complaint }
  | { readonly kind: "sampled"; readonly id: number; readonly samples: Samples }
  /** Unasked, every second and at its end: what shall be kept of it when it is gone. */
  | { readonly kind: "counted"; readonly counts: Samples }
  /** Send me the metrics of all. */
  | { readonly kind: "scraped"; readonly id: number };

import { type Aggregator, Registry } from "@prometheus-io/client";
import type { Samples } from "./metrics.ts";

/** How the library's own figures of a process become one figure of several; left to itself it sums most of them. */
const AGGREGATORS: Readonly<Record<string, Aggregator>> = {
  // The worst of them is what an alert should see.
  nodejs_eventloop_lag_seconds: "max",
  nodejs_eventloop_lag_mean_seconds: "max",
  nodejs_eventloop_lag_stddev_seconds: "max",
  nodejs_eventloop_lag_p50_seconds: "max",
  nodejs_eventloop_lag_p90_seconds: "max",
  nodejs_eventloop_lag_p99_seconds: "max",
  // Quantiles of several processes cannot be made one; the histogram beside them can.
  nodejs_eventloop_utilization_summary: "omit",
  // The limit is one of each process, so what is nearest to it counts.
  process_open_fds: "max",
  process_max_fds: "min",
  process_start_time_seconds: "min",
};

/** The metrics of several processes as one text, in the order of the first. */
export async function renderSum(all: readonly Samples[]): Promise<string> {
  const text = await Registry.aggregate(all.map(withAggregators)).metrics();
  return text.replaceAll("\n\n", "\n");
}

/** The counts of several processes as those of one. */
export async function sumOfCounts(all: readonly Samples[]): Promise<Samples> {
  return Registry.aggregate([...all]).getMetricsAsJSON();
}

function withAggregators(samples: Samples): Samples {
  return samples.map((metric) => {
    const aggregator = AGGREGATORS[metric.name];
    return aggregator === undefined ? metric : { ...metric, aggregator };
  });
}

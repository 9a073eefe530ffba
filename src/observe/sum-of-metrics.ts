import { type Aggregator, Registry } from "@prometheus-io/client";
import type { Samples } from "./metrics.ts";

/** How the library's own figures of several processes are combined. The default is the sum. */
const AGGREGATORS: Readonly<Record<string, Aggregator>> = {
  // An alert should see the worst process.
  nodejs_eventloop_lag_seconds: "max",
  nodejs_eventloop_lag_mean_seconds: "max",
  nodejs_eventloop_lag_stddev_seconds: "max",
  nodejs_eventloop_lag_p50_seconds: "max",
  nodejs_eventloop_lag_p90_seconds: "max",
  nodejs_eventloop_lag_p99_seconds: "max",
  // Quantiles of several processes cannot be combined. The histogram beside them can.
  nodejs_eventloop_utilization_summary: "omit",
  // Each process has its own limit, so the one nearest to its limit counts.
  process_open_fds: "max",
  process_max_fds: "min",
  process_start_time_seconds: "min",
};

/** Renders the metrics of several processes as one text, in the order of the first process. */
export async function renderSum(all: readonly Samples[]): Promise<string> {
  const text = await Registry.aggregate(all.map(withAggregators)).metrics();
  return text.replaceAll("\n\n", "\n");
}

/** Adds the counts of several processes. */
export async function sumOfCounts(all: readonly Samples[]): Promise<Samples> {
  return Registry.aggregate([...all]).getMetricsAsJSON();
}

function withAggregators(samples: Samples): Samples {
  return samples.map((metric) => {
    const aggregator = AGGREGATORS[metric.name];
    return aggregator === undefined ? metric : { ...metric, aggregator };
  });
}

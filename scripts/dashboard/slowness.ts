import { of, type Panel, quantile } from "./panel.ts";

const WEBHOOK = { matchers: `path="/webhook"` };
const OTHERS = { matchers: `path!~"/webhook|/health.*|/.*z|/metrics"`, by: "path" };

export const SLOWNESS: readonly Panel[] = [
  {
    type: "heatmap",
    title: "Latency of webhooks",
    unit: "short",
    width: 12,
    see: "metrics.md",
    noValue: "no webhooks",
    about:
      "How long webhooks took, from their headers to the end of the answer. A band that " +
      "moves up: the commits take longer. Two bands: some webhooks wait for a lock or a " +
      "checkpoint.",
    queries: [
      {
        expr: `sum by (le) (increase(${of("request_latency_ms_bucket", WEBHOOK.matchers)}[$__rate_interval]))`,
        legend: "{{le}}",
      },
    ],
  },
  {
    title: "Latency of webhooks, percentiles",
    unit: "ms",
    width: 12,
    see: "metrics.md",
    noValue: "no webhooks",
    about:
      "Half of the webhooks, 95 of 100 and 99 of 100 are answered faster. Compare with the time of commits.",
    queries: [
      { expr: quantile(0.5, "request_latency_ms", WEBHOOK), legend: "p50" },
      { expr: quantile(0.95, "request_latency_ms", WEBHOOK), legend: "p95" },
      { expr: quantile(0.99, "request_latency_ms", WEBHOOK), legend: "p99" },
    ],
    thresholds: [[1_000, "red"]],
  },
  {
    title: "Time of a commit",
    unit: "s",
    width: 12,
    see: "metrics.md",
    noValue: "nothing to store",
    about:
      "From handing a batch to the database to its fsync, with waiting for a lock. Rises " +
      "with a slow disk or another process that writes. At 2 s locks time out and webhooks " +
      "get 503.",
    queries: [
      { expr: quantile(0.5, "commit_duration_seconds"), legend: "p50" },
      { expr: quantile(0.99, "commit_duration_seconds"), legend: "p99" },
    ],
    thresholds: [[2, "red"]],
  },
  {
    title: "Latency of reads, p95 by route",
    unit: "ms",
    width: 12,
    see: "troubleshooting.md#the-read-index",
    noValue: "no reads",
    about:
      "95 of 100 answers are faster. High for one route: a client sends expensive reads. " +
      "High for all: reads queue, or the disk is slow.",
    // A route without requests has no value (NaN), which is left out.
    queries: [{ expr: `${quantile(0.95, "request_latency_ms", OTHERS)} >= 0`, legend: "{{path}}" }],
  },
];

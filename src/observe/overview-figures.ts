import type { WebhookResult } from "../runtime.ts";
import type { Samples } from "./metrics.ts";
import { sumOfCounts } from "./sum-of-metrics.ts";

/** The metrics that the overview shows. They are in memory: reading them never waits. */
export const OVERVIEW_METRICS: readonly string[] = [
  "webhook_requests_total",
  "webhook_conflicts_total",
  "requests_shed_total",
  "commit_queue_rows",
  "commit_queue_age_seconds",
  "read_index_backlog_rows",
  "workers_configured",
  "workers_alive",
];

/** The figures of a service that come from its metrics. */
export interface OverviewFigures {
  readonly results: Readonly<Record<WebhookResult, number>>;
  readonly conflicts: number;
  readonly shed: number;
  readonly queue: { readonly rows: number; readonly ageSeconds: number };
  readonly backlogRows: number;
  readonly workers: { readonly configured: number; readonly alive: number };
}

/** The figures of several processes as those of one, combined as in `GET /metrics`. */
export async function overviewFigures(all: readonly Samples[]): Promise<OverviewFigures> {
  const chosen = all.map((samples) =>
    samples.filter(({ name }) => OVERVIEW_METRICS.includes(name)),
  );
  const combined = await sumOfCounts(chosen);
  const valuesOf = (wanted: string) => combined.find(({ name }) => name === wanted)?.values ?? [];
  const sumOf = (wanted: string) => valuesOf(wanted).reduce((sum, { value }) => sum + value, 0);
  return {
    // Every result exists from the start of a process.
    results: Object.fromEntries(
      valuesOf("webhook_requests_total").map(({ labels, value }) => [labels.result, value]),
    ) as Record<WebhookResult, number>,
    conflicts: sumOf("webhook_conflicts_total"),
    shed: sumOf("requests_shed_total"),
    queue: { rows: sumOf("commit_queue_rows"), ageSeconds: sumOf("commit_queue_age_seconds") },
    backlogRows: sumOf("read_index_backlog_rows"),
    workers: { configured: sumOf("workers_configured"), alive: sumOf("workers_alive") },
  };
}

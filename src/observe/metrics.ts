import { Counter, Registry } from "@prometheus-io/client";
import type { Metrics as RuntimeMetrics } from "../runtime.ts";
import { MetricDeclarations } from "./metric-declarations.ts";
import { type MetricSources, observeService } from "./service-metrics.ts";

export type {
  AlertResult,
  AlertRule,
  AlertTarget,
  Limit,
  ShedReason,
  WebhookResult,
} from "../runtime.ts";

const LATENCY_BUCKETS_MS = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000];
const COMMIT_BUCKETS_SECONDS = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5,
];
const BATCH_BUCKETS_ROWS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512];

/** The samples of metrics at one moment, as they are sent between processes. */
export type Samples = Awaited<ReturnType<Registry["getMetricsAsJSON"]>>;

export type ServiceMetrics = ReturnType<typeof createMetrics>;

/**
 * Every metric of the service. Labels take values from fixed lists and route templates only, never
 * from a request.
 */
export function createMetrics(build: { version: string; node: string }) {
  const registry = new Registry();
  const declare = new MetricDeclarations(registry);
  const metrics = {
    // The two counters of the contract come first, so that `curl /metrics | head` shows them.
    httpRequests: declareHttpRequests(registry),
    ...declareIngestion(declare),
    ...declareProtection(declare),
    ...declareStorage(declare),
    alertsFiring: declare.labelledGauge(
      "alerts_firing",
      "1 while a built-in alert fires; else 0, also when no target is configured.",
      { rule: ["not_ready", "error_ratio", "queue_age", "disk_nearly_full", "silence"] },
      "max",
    ),
    alertNotifications: declare.labelledCounter(
      "alert_notifications_total",
      "Notifications of built-in alerts, by target and result.",
      { target: ["pagerduty", "webhook"], result: ["sent", "failed", "refused", "gave_up"] },
    ),
  } satisfies RuntimeMetrics;
  const buildLabels = { version: [build.version], node: [build.node] };
  declare
    .labelledGauge(
      "lyftr_build_info",
      "Always 1; the labels have the version.",
      buildLabels,
      "first",
    )
    .set(build, 1);
  return {
    ...metrics,
    contentType: registry.contentType,
    /** The registry separates families by blank lines, which have no meaning. */
    render: async () => (await registry.metrics()).replaceAll("\n\n", "\n"),
    /** All samples, for {@link renderSum}. */
    samples: (): Promise<Samples> => registry.getMetricsAsJSON(),
    /** The samples of some metrics. */
    samplesOf: (names: readonly string[]): Promise<Samples> =>
      Promise.all(names.flatMap((name) => registry.getSingleMetric(name)?.get() ?? [])),
    /**
     * Only counters and histograms, which outlive the process that counted them. Reads neither the
     * database nor the system.
     */
    counts: (): Promise<Samples> => {
      const lasting = registry
        .getMetricsAsArray()
        .filter(({ type }) => type === "counter" || type === "histogram");
      return Promise.all(
        lasting.flatMap(({ name }) => registry.getSingleMetric(name)?.get() ?? []),
      );
    },
    /**
     * Adds the metrics that are read from the running service at each scrape, and those of the
     * process itself.
     */
    observe: (sources: MetricSources) => observeService(registry, declare, sources),
  };
}

/** Its labels are not from fixed lists: methods, route templates and statuses. */
function declareHttpRequests(registry: Registry) {
  const httpRequests = new Counter({
    name: "http_requests_total",
    help: "HTTP requests answered, by route template. webhook_requests_total counts the outcomes of POST /webhook.",
    labelNames: ["method", "path", "status"] as const,
    registers: [registry],
  });
  httpRequests.inc({ method: "GET", path: "/metrics", status: "200" }, 0);
  return httpRequests;
}

function declareIngestion(declare: MetricDeclarations) {
  return {
    webhookRequests: declare.labelledCounter(
      "webhook_requests_total",
      "Outcomes of POST /webhook.",
      {
        result: [
          "created",
          "duplicate",
          "invalid_signature",
          "validation_error",
          "too_large",
          "unsupported",
          "rate_limited",
          "unavailable",
          "error",
        ],
      },
    ),
    webhookConflicts: declare.counter(
      "webhook_conflicts_total",
      "Duplicates whose content differs from the stored message.",
    ),
    requestLatency: declare.histogram(
      "request_latency_ms",
      "Milliseconds from the request's headers to the end of its answer.",
      LATENCY_BUCKETS_MS,
      ["path"],
    ),
    commitSeconds: declare.histogram(
      "commit_duration_seconds",
      "Seconds a batch took to be committed and fsynced.",
      COMMIT_BUCKETS_SECONDS,
    ),
    commitRows: declare.histogram("commit_batch_rows", "Messages in a batch.", BATCH_BUCKETS_ROWS),
    commitFailures: declare.counter("commit_failures_total", "Batches the database refused."),
  };
}

function declareProtection(declare: MetricDeclarations) {
  return {
    rateLimited: declare.labelledCounter(
      "rate_limited_total",
      "Requests answered with 429, by the limit that they exceeded.",
      {
        limit: ["sender", "ip", "key", "failed_signature", "failed_key"],
      },
    ),
    requestsShed: declare.labelledCounter(
      "requests_shed_total",
      "Requests answered with 503 before their body was read, by what was overloaded.",
      { reason: ["queue_age", "event_loop", "bytes", "pipelined", "probes"] },
    ),
    connectionsOpen: declare.gauge("connections_open", "Connections of clients."),
    connectionsMax: declare.gauge(
      "connections_max",
      "The maximum number of client connections: MAX_CONNECTIONS, or fewer if there are not enough open files for them.",
    ),
    connectionsRefused: declare.counter(
      "connections_refused_total",
      "Connections closed because there were too many.",
    ),
    apiKeyChecks: declare.labelledCounter(
      "api_key_checks_total",
      "Requests that needed an API key, by result of the check.",
      { result: ["ok", "unauthorized", "forbidden"] },
    ),
  };
}

function declareStorage(declare: MetricDeclarations) {
  return {
    cacheRequests: declare.labelledCounter(
      "cache_requests_total",
      "Reads by the source of the answer: hit and shared_hit from a cache, joined from an equal read under way, miss from the database.",
      { result: ["hit", "shared_hit", "joined", "miss"] },
    ),
    sharedStateFailures: declare.counter(
      "shared_state_failures_total",
      "Calls of Redis that failed or took too long; each request was answered without it.",
    ),
    messagesDeleted: declare.labelledCounter(
      "messages_deleted_total",
      "Messages deleted: expired because they were too old, erased on request.",
      { reason: ["expired", "erased"] },
    ),
    retentionRun: declare.gauge(
      "retention_last_run_timestamp_seconds",
      "When this process last finished a retention sweep; 0 when it never did.",
      "max",
    ),
    retentionRefused: declare.labelledGauge(
      "retention_refused",
      "1 while this process refuses to delete old messages, by reason: its clock is far from the last sweep or the newest message, or nearly all messages would be deleted.",
      { reason: ["clock", "nearly_all"] },
      "max",
    ),
    databaseDamaged: declare.gauge(
      "database_damaged",
      "1 when this process has found the database damaged on the disk, until the process ends.",
      "max",
    ),
    readIndexRebuilds: declare.counter(
      "read_index_rebuilds_total",
      "Read indexes that were damaged, discarded and rebuilt from the messages.",
    ),
  };
}

import { Counter, Gauge, Histogram, Registry } from "@prometheus-io/client";
import { type MetricSources, observeService } from "./service-metrics.ts";

/** Every way a POST /webhook can end. */
const WEBHOOK_RESULTS = [
  "created",
  "duplicate",
  "invalid_signature",
  "validation_error",
  "too_large",
  "unsupported",
  "rate_limited",
  "unavailable",
  "error",
] as const;
export type WebhookResult = (typeof WEBHOOK_RESULTS)[number];

/** Every limit that answers 429. */
const LIMITS = ["sender", "ip", "key", "failed_signature", "failed_key"] as const;
export type Limit = (typeof LIMITS)[number];
const SHED_REASONS = ["queue_age", "event_loop", "bytes", "pipelined", "probes"] as const;
export type ShedReason = (typeof SHED_REASONS)[number];
const API_KEY_RESULTS = ["ok", "unauthorized", "forbidden"] as const;
const CACHE_RESULTS = ["hit", "shared_hit", "joined", "miss"] as const;
const ALERT_RULES = ["not_ready", "error_ratio", "queue_age", "disk_nearly_full", "silence"] as const;
export type AlertRule = (typeof ALERT_RULES)[number];
const ALERT_TARGETS = ["pagerduty", "webhook"] as const;
export type AlertTarget = (typeof ALERT_TARGETS)[number];
const ALERT_RESULTS = ["sent", "failed", "refused", "gave_up"] as const;
export type AlertResult = (typeof ALERT_RESULTS)[number];
/** Why a retention sweep was refused; see retention/guard.ts. */
const REFUSAL_REASONS = ["clock", "nearly_all"] as const;
const DELETION_REASONS = ["expired", "erased"] as const;

const LATENCY_BUCKETS_MS = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000];
const COMMIT_BUCKETS_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];
const BATCH_BUCKETS_ROWS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512];

/** The samples of metrics at one moment, as they travel between processes. */
export type Samples = Awaited<ReturnType<Registry["getMetricsAsJSON"]>>;

export type Metrics = ReturnType<typeof createMetrics>;

/** Every metric of the service. Labels take values from fixed lists and route templates only, never from a request. */
export function createMetrics(build: { version: string; node: string }) {
  const registry = new Registry();
  const registers = [registry];
  // The two counters of the contract come first, so that `curl /metrics | head` shows them.
  const httpRequests = new Counter({
    name: "http_requests_total",
    help: "HTTP requests answered, by route template. webhook_requests_total counts the outcomes of POST /webhook.",
    labelNames: ["method", "path", "status"] as const,
    registers,
  });
  httpRequests.inc({ method: "GET", path: "/metrics", status: "200" }, 0);
  // Of a counter that begins with its first error, Prometheus does not see that one happened.
  for (const status of ["200", "500", "503"]) httpRequests.inc({ method: "POST", path: "/webhook", status }, 0);
  const webhookRequests = new Counter({
    name: "webhook_requests_total",
    help: "Outcomes of POST /webhook.",
    labelNames: ["result"] as const,
    registers,
  });
  for (const result of WEBHOOK_RESULTS) webhookRequests.inc({ result }, 0);
  const webhookConflicts = new Counter({
    name: "webhook_conflicts_total",
    help: "Duplicates whose content differs from the stored message.",
    registers,
  });
  const requestLatency = new Histogram({
    name: "request_latency_ms",
    help: "Milliseconds from the request's headers to the end of its answer.",
    labelNames: ["path"] as const,
    buckets: LATENCY_BUCKETS_MS,
    registers,
  });
  const commitSeconds = new Histogram({
    name: "commit_duration_seconds",
    help: "Seconds a batch took to be committed and fsynced.",
    buckets: COMMIT_BUCKETS_SECONDS,
    registers,
  });
  const commitRows = new Histogram({
    name: "commit_batch_rows",
    help: "Messages in a batch.",
    buckets: BATCH_BUCKETS_ROWS,
    registers,
  });
  const commitFailures = new Counter({
    name: "commit_failures_total",
    help: "Batches the database refused.",
    registers,
  });
  const rateLimited = new Counter({
    name: "rate_limited_total",
    help: "Requests answered 429, by the limit they met.",
    labelNames: ["limit"] as const,
    registers,
  });
  for (const limit of LIMITS) rateLimited.inc({ limit }, 0);
  const requestsShed = new Counter({
    name: "requests_shed_total",
    help: "Requests answered 503 before their body was read, by what was overloaded.",
    labelNames: ["reason"] as const,
    registers,
  });
  for (const reason of SHED_REASONS) requestsShed.inc({ reason }, 0);
  const connectionsOpen = new Gauge({ name: "connections_open", help: "Connections of clients.", registers });
  const connectionsMax = new Gauge({
    name: "connections_max",
    help: "The most connections of clients: MAX_CONNECTIONS, or fewer if there are not enough open files for them.",
    registers,
  });
  const connectionsRefused = new Counter({
    name: "connections_refused_total",
    help: "Connections closed because there were too many.",
    registers,
  });
  const apiKeyChecks = new Counter({
    name: "api_key_checks_total",
    help: "Requests that had to show an API key, by what came of it.",
    labelNames: ["result"] as const,
    registers,
  });
  for (const result of API_KEY_RESULTS) apiKeyChecks.inc({ result }, 0);
  const cacheRequests = new Counter({
    name: "cache_requests_total",
    help: "Reads by where their answer came from: hit and shared_hit from a cache, joined from an equal question under way, miss from the database.",
    labelNames: ["result"] as const,
    registers,
  });
  for (const result of CACHE_RESULTS) cacheRequests.inc({ result }, 0);
  const sharedStateFailures = new Counter({
    name: "shared_state_failures_total",
    help: "Calls of Redis that failed or took too long; each was answered without it.",
    registers,
  });
  const messagesDeleted = new Counter({
    name: "messages_deleted_total",
    help: "Messages deleted: expired because they were too old, erased because somebody asked for it.",
    labelNames: ["reason"] as const,
    registers,
  });
  for (const reason of DELETION_REASONS) messagesDeleted.inc({ reason }, 0);
  const retentionRun = new Gauge({
    name: "retention_last_run_timestamp_seconds",
    help: "When this process last finished a retention sweep; 0 when it never did.",
    aggregator: "max",
    registers,
  });
  const retentionRefused = new Gauge({
    name: "retention_refused",
    help: "1 while this process refuses to delete old messages, by reason: its clock is far from the last sweep or the newest message, or nearly all messages would be deleted.",
    labelNames: ["reason"] as const,
    aggregator: "max",
    registers,
  });
  for (const reason of REFUSAL_REASONS) retentionRefused.set({ reason }, 0);
  const databaseDamaged = new Gauge({
    name: "database_damaged",
    help: "1 when this process has found the database damaged on the disk, until it ends.",
    aggregator: "max",
    registers,
  });
  const readIndexRebuilds = new Counter({
    name: "read_index_rebuilds_total",
    help: "Read indexes that were damaged, discarded and rebuilt from the messages.",
    registers,
  });
  const { alertsFiring, alertNotifications } = alertMetrics(registers);
  new Gauge({
    name: "lyftr_build_info",
    help: "Always 1; the labels tell the build.",
    labelNames: ["version", "node"] as const,
    aggregator: "first",
    registers,
  })
    .labels(build)
    .set(1);

  return {
    webhookRequests,
    webhookConflicts,
    httpRequests,
    requestLatency,
    commitSeconds,
    commitRows,
    commitFailures,
    rateLimited,
    requestsShed,
    connectionsOpen,
    connectionsMax,
    connectionsRefused,
    apiKeyChecks,
    cacheRequests,
    sharedStateFailures,
    messagesDeleted,
    retentionRun,
    retentionRefused,
    databaseDamaged,
    readIndexRebuilds,
    alertsFiring,
    alertNotifications,
    contentType: registry.contentType,
    /** The registry parts families by blank lines, which mean nothing. */
    render: async () => (await registry.metrics()).replaceAll("\n\n", "\n"),
    /** Everything, for {@link renderSum}. */
    samples: (): Promise<Samples> => registry.getMetricsAsJSON(),
    /** Only what never goes down, which outlives the process that counted it. Reads neither the database nor the system. */
    counts: (): Promise<Samples> => {
      const lasting = registry.getMetricsAsArray().filter(({ type }) => type === "counter" || type === "histogram");
      return Promise.all(lasting.flatMap(({ name }) => registry.getSingleMetric(name)?.get() ?? []));
    },
    /** Adds what is asked of the running service at each scrape, and the figures of the process itself. */
    observe: (sources: MetricSources) => observeService(registry, sources),
  };
}

/** Of the built-in alerts. */
function alertMetrics(registers: Registry[]) {
  const alertsFiring = new Gauge({
    name: "alerts_firing",
    help: "1 while a built-in alert fires; 0 else, and when nobody is to be told.",
    labelNames: ["rule"] as const,
    aggregator: "max",
    registers,
  });
  for (const rule of ALERT_RULES) alertsFiring.set({ rule }, 0);
  const alertNotifications = new Counter({
    name: "alert_notifications_total",
    help: "Attempts to tell of a built-in alert, by whom and by what came of it.",
    labelNames: ["target", "result"] as const,
    registers,
  });
  for (const target of ALERT_TARGETS) for (const result of ALERT_RESULTS) alertNotifications.inc({ target, result }, 0);
  return { alertsFiring, alertNotifications };
}

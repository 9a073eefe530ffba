import { collectDefaultMetrics, type Registry } from "@prometheus-io/client";
import type { MetricDeclarations } from "./metric-declarations.ts";
import type { SpanCounts } from "./trace.ts";

/**
 * The library's 100 ms are for short peaks, which a scrape does not show. They took a fifth of the
 * CPU time of an idle service.
 */
const UTILIZATION_EVERY_MS = 1_000;

/** The sources of metrics that are read at each scrape. */
export interface MetricSources {
  /** Whether messages can be taken. */
  readonly ready: () => Promise<boolean>;
  readonly queueRows: () => number;
  readonly queueBytes: () => number;
  readonly queueAgeMs: () => number;
  readonly databaseBytes: () => Promise<number>;
  /** Undefined when the disk belongs to another machine. */
  readonly disk: () => Promise<DiskSpace | undefined>;
  readonly backlogRows: () => number;
  readonly queuedReads: () => number;
  readonly readThreadRestarts: () => number;
  readonly logLinesDropped: () => number;
  readonly traceSpans: () => SpanCounts;
  /** Messages answered with 200, by source, including duplicates. */
  readonly received: () => ReadonlyMap<string, number>;
  readonly signatureKeys: () => readonly SignatureKey[];
  /** 1 while every client may read, else 0. */
  readonly readAuthOpen: () => number;
  /** 1 while Redis answers; 0 while it is unavailable or not configured. */
  readonly sharedStateUp: () => number;
  readonly workers: () => WorkerCounts;
}

/** The disk of the database. */
export interface DiskSpace {
  /** What a user without privileges can still write. */
  readonly freeBytes: number;
  readonly sizeBytes: number;
}

/** A webhook secret, by its name. */
export interface SignatureKey {
  readonly key: string;
  /** Webhooks it verified. */
  readonly verified: number;
  /** 0 when it never verified one; undefined when it is no longer accepted. */
  readonly lastVerifiedMs: number | undefined;
  /** When it will be refused, if known; undefined when it is no longer accepted. */
  readonly untilMs: number | undefined;
}

/** The processes that share the work: 1, 1, 0 for a single process. */
export interface WorkerCounts {
  readonly configured: number;
  readonly alive: number;
  readonly restarts: number;
}

/**
 * Declares the metrics that are read from the running service at each scrape, and those of the
 * process itself.
 */
export function observeService(
  registry: Registry,
  declare: MetricDeclarations,
  sources: MetricSources,
): void {
  declare.readGauge(
    "service_ready",
    "1 while messages can be taken: a secret is configured, and the database answers.",
    async () => Number(await sources.ready()),
    "min",
  );
  observeDatabase(declare, sources);
  declare.readGauge(
    "read_auth_open",
    "1 while every client may read, because no API key is required.",
    sources.readAuthOpen,
    "max",
  );
  declare.readGauge(
    "shared_state_up",
    "1 while Redis answers; 0 while it is unavailable or not configured.",
    sources.sharedStateUp,
    "min",
  );
  const { workers } = sources;
  declare.readGauge(
    "workers_configured",
    "Processes that are configured to share the work.",
    () => workers().configured,
  );
  declare.readGauge("workers_alive", "Processes that listen.", () => workers().alive);
  declare.readCounter(
    "worker_restarts_total",
    "Processes that were restarted.",
    () => workers().restarts,
  );
  declare.readCounter(
    "log_lines_dropped_total",
    "Log lines lost because standard output did not take them.",
    sources.logLinesDropped,
  );
  // Counted elsewhere, like those below, because counting with labels is too slow for every
  // webhook.
  declare.readLabelledCounter(
    "messages_received_total",
    "Webhooks answered with 200, by the source of their message: it was stored, or existed already.",
    "source",
    sources.received,
  );
  declare.readLabelledCounter(
    "trace_spans_total",
    "Spans of traces: sent to the collector, failed because it did not take them, dropped because too many waited.",
    "result",
    () => Object.entries(sources.traceSpans()),
  );
  observeSignatureKeys(declare, sources.signatureKeys);
  collectDefaultMetrics({
    register: registry,
    eventLoopUtilizationTimeout: UTILIZATION_EVERY_MS,
  });
}

function observeDatabase(declare: MetricDeclarations, sources: MetricSources): void {
  declare.readGauge("commit_queue_rows", "Messages waiting to be committed.", sources.queueRows);
  declare.readGauge(
    "commit_queue_bytes",
    "Bytes of the messages waiting to be committed.",
    sources.queueBytes,
  );
  declare.readGauge(
    "commit_queue_age_seconds",
    "How long the oldest uncommitted message has waited.",
    () => sources.queueAgeMs() / 1_000,
    "max",
  );
  declare.readGauge(
    "database_size_bytes",
    "Bytes of the database on disk, write-ahead log included.",
    sources.databaseBytes,
    "max",
  );
  const disk = (of: keyof DiskSpace) => async () => (await sources.disk())?.[of];
  declare.readGauge(
    "database_disk_free_bytes",
    "Free bytes on the disk of the database.",
    disk("freeBytes"),
    "min",
  );
  declare.readGauge(
    "database_disk_size_bytes",
    "Size of the disk of the database, in bytes.",
    disk("sizeBytes"),
    "min",
  );
  declare.readGauge(
    "read_index_backlog_rows",
    "Stored messages that are not in the read index yet.",
    sources.backlogRows,
    "max",
  );
  declare.readGauge(
    "read_queue_requests",
    "Reads that wait for a database thread.",
    sources.queuedReads,
  );
  declare.readCounter(
    "read_thread_restarts_total",
    "Reading threads that were replaced, because they ended or did not stop in time.",
    sources.readThreadRestarts,
  );
}

function observeSignatureKeys(
  declare: MetricDeclarations,
  keys: MetricSources["signatureKeys"],
): void {
  const seconds = (ms: number | undefined) => ms && ms / 1_000;
  declare.readLabelledCounter(
    "webhook_signature_key_total",
    "Webhooks by the secret that verified them: current, previous_1 and so on, or the name of one in the database.",
    "key",
    () => keys().map(({ key, verified }) => [key, verified] as const),
  );
  declare.readLabelledGauge(
    "webhook_signature_key_last_verified_timestamp_seconds",
    "When a secret last verified a webhook; 0 when it never did, and in the first seconds of a process.",
    "key",
    () => keys().map(({ key, lastVerifiedMs }) => [key, seconds(lastVerifiedMs)] as const),
    "max",
  );
  declare.readLabelledGauge(
    "webhook_signature_key_end_timestamp_seconds",
    "When a secret will start to be refused; only for secrets with a known end.",
    "key",
    () => keys().map(({ key, untilMs }) => [key, seconds(untilMs)] as const),
    "min",
  );
}

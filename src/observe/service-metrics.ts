import { type Aggregator, Counter, collectDefaultMetrics, Gauge, type Registry } from "@prometheus-io/client";

import type { SpanCounts } from "./trace.ts";

/** What metrics ask for at the time of a scrape. */
export interface MetricSources {
  /** Whether messages can be taken. */
  readonly ready: () => Promise<boolean>;
  readonly queueRows: () => number;
  readonly queueBytes: () => number;
  readonly queueAgeMs: () => number;
  readonly databaseBytes: () => Promise<number>;
  /** Undefined when the disk is another machine's. */
  readonly disk: () => Promise<DiskSpace | undefined>;
  readonly backlogRows: () => number;
  readonly queuedReads: () => number;
  readonly readThreadRestarts: () => number;
  readonly logLinesDropped: () => number;
  readonly traceSpans: () => SpanCounts;
  /** Messages answered 200 by source, stored now or before. */
  readonly received: () => ReadonlyMap<string, number>;
  readonly signatureKeys: () => readonly SignatureKey[];
  /** 1 while everybody may read, else 0. */
  readonly readAuthOpen: () => number;
  /** 1 while Redis answers, 0 while it is left alone or none is configured. */
  readonly sharedStateUp: () => number;
  readonly workers: () => WorkerCounts;
}

/** The disk of the database. */
export interface DiskSpace {
  /** What a user without privileges can still write. */
  readonly freeBytes: number;
  readonly sizeBytes: number;
}

/** A secret by its name. */
export interface SignatureKey {
  readonly key: string;
  /** Webhooks it verified. */
  readonly verified: number;
  /** 0 when it never did; undefined when it is not accepted any more. */
  readonly lastVerifiedMs: number | undefined;
  /** When it will be refused, if that is known; undefined also when it is not accepted any more. */
  readonly untilMs: number | undefined;
}

/** Processes that share the work: 1, 1, 0 for one that is alone. */
export interface WorkerCounts {
  readonly configured: number;
  readonly alive: number;
  readonly restarts: number;
}

/** The metrics that are asked of the running service at each scrape, and the figures of the process itself. */
export function observeService(registry: Registry, sources: MetricSources): void {
  const registers = [registry];
  const gauge = (
    name: string,
    help: string,
    read: () => number | undefined | Promise<number | undefined>,
    aggregator: Aggregator = "sum",
  ) =>
    new Gauge({
      name,
      help,
      registers,
      aggregator,
      async collect() {
        try {
          const value = await read();
          if (value === undefined) this.remove();
          else this.set(value);
        } catch {
          // A scrape is wanted most when the database is away: the figure stays what it was.
        }
      },
    });
  const counter = (name: string, help: string, read: () => number) =>
    new Counter({
      name,
      help,
      registers,
      collect() {
        this.reset();
        this.inc(read());
      },
    });
  const { ready, workers } = sources;
  gauge(
    "service_ready",
    "1 while messages can be taken: a secret is configured, and the database answers.",
    async () => Number(await ready()),
    "min",
  );
  gauge("commit_queue_rows", "Messages waiting to be committed.", sources.queueRows);
  gauge("commit_queue_bytes", "Bytes of the messages waiting to be committed.", sources.queueBytes);
  gauge(
    "commit_queue_age_seconds",
    "How long the oldest message that is not committed yet has waited.",
    () => sources.queueAgeMs() / 1_000,
    "max",
  );
  gauge(
    "database_size_bytes",
    "Bytes of the database on disk, write-ahead log included.",
    sources.databaseBytes,
    "max",
  );
  const disk = (of: keyof DiskSpace) => async () => (await sources.disk())?.[of];
  gauge("database_disk_free_bytes", "Bytes that are free where the database is.", disk("freeBytes"), "min");
  gauge("database_disk_size_bytes", "Bytes of the disk where the database is.", disk("sizeBytes"), "min");
  gauge("read_index_backlog_rows", "Stored messages that are not in the read index yet.", sources.backlogRows, "max");
  gauge("read_queue_requests", "Reads that wait for a database thread.", sources.queuedReads);
  counter(
    "read_thread_restarts_total",
    "Reading threads that were replaced, because they ended or did not stop in time.",
    sources.readThreadRestarts,
  );
  gauge("read_auth_open", "1 while everybody may read, because no API key is asked for.", sources.readAuthOpen, "max");
  gauge(
    "shared_state_up",
    "1 while Redis answers; 0 while it does not and is left alone, or when none is configured.",
    sources.sharedStateUp,
    "min",
  );
  gauge("workers_configured", "Processes that shall share the work.", () => workers().configured);
  gauge("workers_alive", "Processes that listen.", () => workers().alive);
  counter("worker_restarts_total", "Processes started again.", () => workers().restarts);
  counter("log_lines_dropped_total", "Log lines nobody took.", sources.logLinesDropped);
  observeMessages(registers, sources.received);
  observeSpans(registers, sources.traceSpans);
  observeSignatureKeys(registers, sources.signatureKeys);
  collectDefaultMetrics({ register: registry });
}

/** Kept elsewhere, as those below, because counting with labels is felt where every webhook passes. */
function observeMessages(registers: Registry[], received: MetricSources["received"]): void {
  new Counter({
    name: "messages_received_total",
    help: "Webhooks answered 200, by the source of their message: it was stored, or was there already.",
    labelNames: ["source"] as const,
    registers,
    collect() {
      this.reset();
      for (const [source, messages] of received()) this.inc({ source }, messages);
    },
  });
}

function observeSpans(registers: Registry[], counts: MetricSources["traceSpans"]): void {
  new Counter({
    name: "trace_spans_total",
    help: "Spans of traces: sent to the collector, failed because it did not take them, dropped because too many waited.",
    labelNames: ["result"] as const,
    registers,
    collect() {
      this.reset();
      for (const [result, spans] of Object.entries(counts())) this.inc({ result }, spans);
    },
  });
}

function observeSignatureKeys(registers: Registry[], keys: MetricSources["signatureKeys"]): void {
  new Counter({
    name: "webhook_signature_key_total",
    help: "Webhooks by the secret that verified them: current, previous_1 and on, or the name of one in the database.",
    labelNames: ["key"] as const,
    registers,
    collect() {
      this.reset();
      for (const { key, verified } of keys()) this.inc({ key }, verified);
    },
  });
  new Gauge({
    name: "webhook_signature_key_last_verified_timestamp_seconds",
    help: "When a secret last verified a webhook; 0 when it never did, and in the first seconds of a process.",
    labelNames: ["key"] as const,
    aggregator: "max",
    registers,
    collect() {
      this.reset();
      for (const { key, lastVerifiedMs } of keys()) {
        if (lastVerifiedMs !== undefined) this.set({ key }, lastVerifiedMs / 1_000);
      }
    },
  });
  new Gauge({
    name: "webhook_signature_key_end_timestamp_seconds",
    help: "From when on a secret will be refused; only of those whose end is known.",
    labelNames: ["key"] as const,
    aggregator: "min",
    registers,
    collect() {
      this.reset();
      for (const { key, untilMs } of keys()) {
        if (untilMs !== undefined) this.set({ key }, untilMs / 1_000);
      }
    },
  });
}

import type { Clock } from "./domain/clock.ts";

/**
 * What the composition root gives to every service, so that tests can control time, chance and
 * output. A service that needs only a part takes `Pick<Runtime, …>`.
 */
export interface Runtime {
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  /** A number from 0 up to but not including 1. */
  readonly random: () => number;
  /** A new UUID. */
  readonly newId: () => string;
}

/** The log. Each call writes one line; `observe/log.ts` implements it. */
export interface Log {
  debug(line: LogLine): void;
  info(line: LogLine): void;
  warn(line: LogLine): void;
  error(line: LogLine): void;
  fatal(line: LogLine): void;
}

/** The fields of a line. `msg` says what happened; only the line of a request has none. */
export type LogLine = Readonly<Record<string, unknown>>;

/**
 * The metrics that services change, and the values of their labels. `observe/metrics.ts` declares
 * them.
 */
export interface Metrics {
  readonly httpRequests: LabelledCounter<{ method: string; path: string; status: string }>;
  readonly webhookRequests: LabelledCounter<{ result: WebhookResult }>;
  readonly webhookConflicts: Counter;
  readonly requestLatency: { observe(labels: { readonly path: string }, ms: number): void };
  readonly commitSeconds: Histogram;
  readonly commitRows: Histogram;
  readonly commitFailures: Counter;
  readonly rateLimited: LabelledCounter<{ limit: Limit }>;
  readonly requestsShed: LabelledCounter<{ reason: ShedReason }>;
  readonly connectionsOpen: Gauge & { inc(): void; dec(): void };
  readonly connectionsMax: Gauge;
  readonly connectionsRefused: Counter;
  readonly apiKeyChecks: LabelledCounter<{ result: ApiKeyResult }>;
  readonly cacheRequests: LabelledCounter<{ result: CacheResult }>;
  readonly sharedStateFailures: Counter;
  readonly messagesDeleted: LabelledCounter<{ reason: DeletionReason }>;
  readonly retentionRun: Gauge;
  readonly retentionRefused: LabelledGauge<{ reason: RefusalReason }>;
  readonly databaseDamaged: Gauge;
  readonly readIndexRebuilds: Counter;
  readonly alertsFiring: LabelledGauge<{ rule: AlertRule }>;
  readonly alertNotifications: LabelledCounter<{ target: AlertTarget; result: AlertResult }>;
}

export interface Counter {
  inc(amount?: number): void;
}

export interface LabelledCounter<Labels> {
  readonly inc: (labels: Labels, amount?: number) => void;
}

export interface Gauge {
  set(value: number): void;
}

export interface LabelledGauge<Labels> {
  readonly set: (labels: Labels, value: number) => void;
}

export interface Histogram {
  observe(value: number): void;
}

/** Every result of a POST /webhook. */
export type WebhookResult =
  | "created"
  | "duplicate"
  | "invalid_signature"
  | "validation_error"
  | "too_large"
  | "unsupported"
  | "rate_limited"
  | "unavailable"
  | "error";
/** Every limit that answers with 429. */
export type Limit = "sender" | "ip" | "key" | "failed_signature" | "failed_key";
export type ShedReason = "queue_age" | "event_loop" | "bytes" | "pipelined" | "probes";
export type ApiKeyResult = "ok" | "unauthorized" | "forbidden";
export type CacheResult = "hit" | "shared_hit" | "joined" | "miss";
export type DeletionReason = "expired" | "erased";
/** Why a retention sweep was refused; see retention/guard.ts. */
export type RefusalReason = "clock" | "nearly_all";
export type AlertRule = "not_ready" | "error_ratio" | "queue_age" | "disk_nearly_full" | "silence";
export type AlertTarget = "pagerduty" | "webhook";
export type AlertResult = "sent" | "failed" | "refused" | "gave_up";

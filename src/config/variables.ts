import type { Rate } from "../domain/rate.ts";
import { databaseUrl } from "./database-url.ts";
import { TRACING_VARIABLES, type TracingConfig } from "./tracing-variables.ts";
import {
  daysOrOff,
  endpoint,
  flag,
  headerSecret,
  host,
  integer,
  LOG_LEVELS,
  logLevel,
  longSecret,
  milliseconds,
  minutesOrOff,
  networks,
  origins,
  rateLimit,
  redisUrl,
  routingKey,
  WORKERS_MAX,
  word,
  workers,
} from "./values.ts";
import type { Variable } from "./variable.ts";
import { type PreviousSecret, previousSecrets } from "./webhook-secrets.ts";

/** What can be set from outside. Modules never see it whole: app.ts hands each its own part. */
export interface Config extends TracingConfig {
  /** Undefined when not configured: the service starts, is not ready, and refuses every webhook. */
  readonly webhookSecret: string | undefined;
  /** Still accepted beside it. */
  readonly webhookSecretsPrevious: readonly PreviousSecret[];
  /** Opens the webhook secrets that are kept in the database. */
  readonly masterKey: string | undefined;
  /** `auto`: reading is open until the first API key exists. */
  readonly readAuth: "auto" | "required" | "open";
  readonly metricsAuth: "open" | "required";
  /** An API key of scope `admin` that is kept nowhere else. */
  readonly adminApiKey: string | undefined;
  /** Proxies whose X-Forwarded-For is believed. */
  readonly trustProxy: readonly string[];
  /** Undefined is no limit, here and below. */
  readonly rateLimitPerSender: Rate | undefined;
  readonly rateLimitPerIp: Rate | undefined;
  readonly rateLimitPerKey: Rate | undefined;
  readonly rateLimitFailedAuth: Rate | undefined;
  /** Redis or Valkey, which replicas share limits and answers in. */
  readonly redisUrl: string | undefined;
  /** 0 is no cache. */
  readonly cacheTtlMs: number;
  /** Undefined keeps messages for ever. */
  readonly retentionDays: number | undefined;
  /** How long the id of a deleted message is still known. */
  readonly tombstoneDays: number;
  /** Undefined tells PagerDuty nothing. */
  readonly pagerdutyRoutingKey: string | undefined;
  readonly pagerdutyUrl: string;
  /** Undefined is none. */
  readonly alertWebhookUrl: string | undefined;
  /** Undefined never calls silence an alert. */
  readonly alertSilenceMinutes: number | undefined;
  /** Pages of other origins that may read. */
  readonly corsOrigins: readonly string[];
  readonly databaseUrl: string;
  /** Connections of one process to PostgreSQL. */
  readonly databaseConnections: number;
  /** Whether a start makes the database or brings its schema up to date. */
  readonly migrate: boolean;
  readonly allowWeakDurability: boolean;
  readonly logLevel: string;
  /** Whether healthy answers to probes are logged. */
  readonly logHealth: boolean;
  readonly host: string;
  readonly port: number;
  readonly bodyBytesMax: number;
  /** Connections of clients to one process. */
  readonly connectionsMax: number;
  readonly drainMs: number;
  /** Processes that share the port. */
  readonly workers: number;
}

/** What a person types is guessed; these shall not be. */
const SECRET_CHARACTERS_MIN = 32;

const PAGERDUTY_URL = "https://events.pagerduty.com/v2/enqueue";

/** The schema of the configuration: every variable of the service, in the order of the documentation. */
export const VARIABLES: { readonly [K in keyof Config]: Variable<Config[K]> } = {
  webhookSecret: {
    name: "WEBHOOK_SECRET",
    fallback: undefined,
    help: "The secret shared with the sender of webhooks.",
    secret: true,
    verbatim: true,
    parse: (text) => (text === undefined || text.trim() === "" ? undefined : text),
  },
  webhookSecretsPrevious: {
    name: "WEBHOOK_SECRET_PREVIOUS",
    fallback: undefined,
    help: "Secrets that are still accepted, separated by commas; SECRET@2026-12-31T00:00:00Z expires at that time.",
    secret: true,
    verbatim: true,
    parse: previousSecrets,
  },
  masterKey: {
    name: "MASTER_KEY",
    fallback: undefined,
    help: "32 characters or more; encrypts the webhook secrets that are kept in the database.",
    secret: true,
    verbatim: true,
    parse: longSecret(SECRET_CHARACTERS_MIN),
  },
  readAuth: {
    name: "READ_AUTH",
    fallback: "auto",
    help: "Who may read: auto (everybody, until there is an API key), required (API keys), open (everybody).",
    parse: word("auto", "required", "open"),
  },
  metricsAuth: {
    name: "METRICS_AUTH",
    fallback: "open",
    help: "Who may read /metrics: open (everybody), required (API keys).",
    parse: word("open", "required"),
  },
  adminApiKey: {
    name: "ADMIN_API_KEY",
    fallback: undefined,
    help: "An API key of scope admin, 32 characters or more, to make the first others with.",
    secret: true,
    verbatim: true,
    parse: headerSecret(SECRET_CHARACTERS_MIN),
  },
  trustProxy: {
    name: "TRUST_PROXY",
    fallback: undefined,
    help: "Proxies whose X-Forwarded-For is trusted: addresses and networks, separated by commas.",
    list: true,
    parse: networks,
  },
  rateLimitPerSender: {
    name: "RATE_LIMIT_PER_SENDER",
    fallback: "off",
    help: "Messages of one sender: 100/1m, 100/1m,burst=20 or off.",
    parse: rateLimit,
  },
  rateLimitPerIp: {
    name: "RATE_LIMIT_PER_IP",
    fallback: "off",
    help: "Requests from one address (IPv6: one /64).",
    parse: rateLimit,
  },
  rateLimitPerKey: {
    name: "RATE_LIMIT_PER_KEY",
    fallback: "off",
    help: "Requests with one API key.",
    parse: rateLimit,
  },
  rateLimitFailedAuth: {
    name: "RATE_LIMIT_FAILED_AUTH",
    fallback: "10000/1m",
    help: "Wrong signatures, and wrong API keys, from one address; past it they are answered 429 instead of 401.",
    parse: rateLimit,
  },
  redisUrl: {
    name: "REDIS_URL",
    fallback: undefined,
    help: "redis://host:6379/0 of a Redis or Valkey in which replicas share limits and answers.",
    parse: redisUrl,
  },
  cacheTtlMs: {
    name: "CACHE_TTL_MS",
    fallback: "1000",
    help: "How long an answer to a read may be given again, in milliseconds; 0 is never.",
    parse: milliseconds(3_600_000),
  },
  retentionDays: {
    name: "RETENTION_DAYS",
    fallback: "off",
    help: "Messages received longer ago are deleted; off keeps them.",
    parse: daysOrOff(36_500),
  },
  tombstoneDays: {
    name: "TOMBSTONE_DAYS",
    fallback: "30",
    help: "How long the id of a deleted message is still answered as a duplicate.",
    parse: integer(1, 36_500),
  },
  pagerdutyRoutingKey: {
    name: "PAGERDUTY_ROUTING_KEY",
    fallback: undefined,
    help: "The integration key of a PagerDuty service with Events API v2, which built-in alerts are sent to.",
    secret: true,
    parse: routingKey,
  },
  pagerdutyUrl: {
    name: "PAGERDUTY_URL",
    fallback: PAGERDUTY_URL,
    help: "Where PagerDuty takes events; of its EU region https://events.eu.pagerduty.com/v2/enqueue.",
    parse: (text) => endpoint(text) ?? PAGERDUTY_URL,
  },
  alertWebhookUrl: {
    name: "ALERT_WEBHOOK_URL",
    fallback: undefined,
    help: "A webhook of Slack, or of something that takes the same, which built-in alerts are sent to.",
    secret: true,
    parse: endpoint,
  },
  alertSilenceMinutes: {
    name: "ALERT_SILENCE_MINUTES",
    fallback: "60",
    help: "So long without a message, when there usually are some, is an alert; off never is.",
    parse: minutesOrOff(5, 1_440),
  },
  corsOrigins: {
    name: "CORS_ORIGINS",
    fallback: undefined,
    help: "Origins of pages that may read, separated by commas; none by default.",
    list: true,
    parse: origins,
  },
  databaseUrl: {
    name: "DATABASE_URL",
    fallback: "sqlite:///./data/app.db",
    help: "sqlite:///relative/path, sqlite:////absolute/path or postgres://user:password@host:5432/database.",
    parse: databaseUrl,
  },
  databaseConnections: {
    name: "DATABASE_CONNECTIONS",
    fallback: "8",
    help: "Connections of one process to PostgreSQL.",
    parse: integer(4, 1_000),
  },
  migrate: {
    name: "MIGRATE",
    fallback: "1",
    help: "0: a start does not change the schema, and refuses one that is not up to date.",
    parse: flag,
  },
  allowWeakDurability: {
    name: "ALLOW_WEAK_DURABILITY",
    fallback: "0",
    help: "1: PostgreSQL is used though acknowledged messages may not survive a crash of it.",
    parse: flag,
  },
  logLevel: { name: "LOG_LEVEL", fallback: "INFO", help: `${LOG_LEVELS.join(", ")}.`, parse: logLevel },
  logHealth: {
    name: "LOG_HEALTH",
    fallback: "1",
    help: "0: probes that find the service healthy are left out of the log.",
    parse: flag,
  },
  host: {
    name: "HOST",
    fallback: "0.0.0.0",
    help: "The address to listen on; 127.0.0.1 is this machine only.",
    parse: host,
  },
  port: {
    name: "PORT",
    fallback: "8000",
    help: "The TCP port to listen on; 0 takes a free one.",
    parse: integer(0, 65_535),
  },
  bodyBytesMax: {
    name: "MAX_BODY_BYTES",
    fallback: "262144",
    help: "The largest webhook accepted, in bytes.",
    parse: integer(1, 16 * 1024 * 1024),
  },
  connectionsMax: {
    name: "MAX_CONNECTIONS",
    fallback: "5000",
    help: "The most connections of clients to one process; each may take 37 kB of memory.",
    parse: integer(16, 100_000),
  },
  drainMs: {
    name: "DRAIN_TIMEOUT_MS",
    fallback: "10000",
    help: "How long a shutdown waits for requests under way, in milliseconds.",
    parse: integer(0, 600_000),
  },
  workers: {
    name: "WORKERS",
    fallback: "1",
    help: `Processes that share the port, with PostgreSQL: 1 to ${WORKERS_MAX}, or auto for one a processor.`,
    parse: workers,
  },
  ...TRACING_VARIABLES,
};

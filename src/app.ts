import { randomUUID } from "node:crypto";
import { startAlerts } from "./app/alerting.ts";
import { type Caching, createCache } from "./app/cache.ts";
import { connectionLimit } from "./app/connection-limit.ts";
import {
  createSecretIssuer,
  createSessions,
  type ReadAccess,
  startKeys,
  startSecrets,
} from "./app/credentials.ts";
import { openDatabase, startCatchUpLog } from "./app/database.ts";
import { type Ingestion, startIngestion } from "./app/ingestion.ts";
import { createOverview } from "./app/overview.ts";
import { createRateLimits, startRedis } from "./app/redis.ts";
import { serviceRoutes } from "./app/routes.ts";
import { observeService } from "./app/service-figures.ts";
import {
  type AppRuntime,
  type Part,
  type StartOptions,
  type StartUp,
  VERSION,
} from "./app/start-up.ts";
import { tracingOf } from "./app/tracing.ts";
import { type Config, configWarnings } from "./config.ts";
import { systemClock } from "./domain/clock.ts";
import type { StoreBroken } from "./domain/errors.ts";
import { Auth } from "./http/auth.ts";
import { listensOn, requireFreePort } from "./http/listen-address.ts";
import { RateLimiting, type RateLimits } from "./http/rate-limit.ts";
import type { Overview } from "./http/routes/overview.ts";
import { Server } from "./http/server.ts";
import type { IngestOptions } from "./ingest/ingest.ts";
import { TestMessages } from "./ingest/test-messages.ts";
import { createLog, type LogDestination, type LogLevel, NO_LOG } from "./observe/log.ts";
import { createMetrics, type ServiceMetrics } from "./observe/metrics.ts";
import type { Tracing } from "./observe/trace.ts";
import { Eraser } from "./retention/eraser.ts";
import { Sweeper } from "./retention/sweeper.ts";
import type { Log } from "./runtime.ts";
import type { WebhookSecrets } from "./secrets/webhook-secrets.ts";
import type { RetentionStore } from "./store/retention.ts";
import type { Store } from "./store/store.ts";

/** What the log says about a service that listens. */
export interface ListeningInfo {
  /** The URL on its own machine. */
  readonly url: string;
  readonly host: string;
  /** The addresses on which it listens, in words. */
  readonly listens_on: string;
  readonly reading: "open" | "API keys";
}

/** The running service. */
export interface App {
  /** Where it listens, for example `http://127.0.0.1:8000`. */
  readonly url: string;
  readonly listeningInfo: ListeningInfo;
  readonly log: Log;
  readonly metrics: ServiceMetrics;
  /** Resolves when the database must not be used any more. Then the process has to end. */
  readonly broken: Promise<StoreBroken>;
  /**
   * Answers the accepted requests, then releases everything. When it resolves, nothing is running.
   * Safe to call twice.
   */
  close(): Promise<void>;
}

/** Where the log goes, and how many lines were lost. */
export interface LogSink extends LogDestination {
  dropped(): number;
}

/**
 * Builds the service and starts it, step by step. Rejects with `StoreRefused` or the error of
 * listening; then nothing is left running.
 */
export async function startApp(
  config: Config,
  sink: LogSink,
  { settings, part }: StartOptions,
): Promise<App> {
  await using stopping = new AsyncDisposableStack();
  const runtime = createRuntime(config, sink, part);
  const startedMs = runtime.clock.now();
  const isFirst = part === undefined || part.worker === 1;
  const firstLog = isFirst ? runtime.log : NO_LOG;
  const start: StartUp = { config, settings, runtime, part, isFirst, firstLog, stopping };
  const tracing = await startTracing(start);
  if (part === undefined) await requireFreePort(config.host, config.port);
  const store = await openDatabase(start);
  const redis = await startRedis(start);
  const limits = createRateLimits(start, redis);
  const cache = createCache(start, store, redis);
  const secrets = await startSecrets(start, store);
  const readAccess = await startKeys(start, store);
  const { isReadingOpen, readMode } = readAccess;
  for (const warning of configWarnings(config))
    firstLog.warn({ msg: "a setting needs attention", warning });
  const eraser = startRetention(start, store, cache.retention);
  const ingestion = startIngestion(start, { store, written: cache.written, secrets, tracing });
  const logLinesDropped = () => sink.dropped();
  observeService(start, {
    store,
    ingestion,
    secrets,
    redis,
    tracing,
    isReadingOpen,
    logLinesDropped,
  });
  const alerts = await startAlerts(config, { store, ...runtime, ...ingestion, part });
  stopping.defer(() => alerts.stop());
  const overview = createOverview(start, {
    store,
    readiness: ingestion.readiness,
    alerts,
    readMode,
    startedMs,
  });
  const server = await startServer(start, {
    store,
    tracing,
    limits,
    cache,
    secrets,
    ...readAccess,
    ingestion,
    eraser,
    overview,
  });
  const listeningInfo: ListeningInfo = {
    url: server.url,
    host: config.host,
    listens_on: listensOn(config.host),
    reading: isReadingOpen() ? "open" : "API keys",
  };
  if (!part) runtime.log.info({ msg: "listening", ...listeningInfo, version: VERSION });
  startCatchUpLog(start, store);
  return runningApp(start, stopping.move(), { listeningInfo, broken: store.broken });
}

function createRuntime(config: Config, sink: LogSink, part: Part | undefined): AppRuntime {
  const clock = systemClock;
  const level = config.logLevel as LogLevel;
  return {
    clock,
    log: createLog({
      level,
      destination: sink,
      now: clock.now,
      ...(part && { worker: part.worker }),
    }),
    metrics: createMetrics({ version: VERSION, node: process.versions.node }),
    random: Math.random,
    newId: randomUUID,
  };
}

async function startTracing({
  config,
  runtime,
  part,
  stopping,
}: StartUp): Promise<Tracing | undefined> {
  const { clock, random, log } = runtime;
  const tracing = await tracingOf(config, {
    version: VERSION,
    clock,
    random,
    log,
    worker: part?.worker,
  });
  stopping.defer(async () => tracing?.stop());
  return tracing;
}

/** Starts the deletion of old messages. Returns the eraser, which runs when it is called. */
function startRetention(
  { config, runtime, stopping }: StartUp,
  store: Store,
  retention: RetentionStore,
): Eraser {
  const { retentionDays: days, tombstoneDays } = config;
  const { audit } = store.credentials;
  const total = async () => (await store.stats()).total;
  const sweeper = new Sweeper(runtime, { store: retention, audit, total, days, tombstoneDays });
  stopping.defer(() => sweeper.stop());
  const deleted = (messages: number) =>
    runtime.metrics.messagesDeleted.inc({ reason: "erased" }, messages);
  return new Eraser(runtime, { store: retention, audit, tombstoneDays, deleted });
}

interface ServerParts extends ReadAccess {
  readonly store: Store;
  readonly tracing: Tracing | undefined;
  readonly limits: RateLimits;
  readonly cache: Caching;
  readonly secrets: WebhookSecrets;
  readonly ingestion: Ingestion;
  readonly eraser: Eraser;
  readonly overview: () => Promise<Overview>;
}

async function startServer(start: StartUp, parts: ServerParts): Promise<Server> {
  const { config, settings, runtime, part, firstLog, stopping } = start;
  const { store, tracing, limits, cache, secrets, keys, ingestion, eraser } = parts;
  const { received, committer } = ingestion;
  const { host, port, bodyBytesMax, corsOrigins, trustProxy, logHealth, metricsAuth } = config;
  const { metrics, clock } = runtime;
  const limiting = new RateLimiting(limits, metrics);
  const sessions = createSessions(start);
  const auth = new Auth({
    keys,
    isReadingOpen: parts.isReadingOpen,
    sessions,
    metricsGuarded: metricsAuth === "required",
    limiting,
    metrics,
  });
  const ingest: IngestOptions = {
    provider: ingestion.provider,
    committer,
    clock,
    senders: limits.sender,
    verified: secrets.verified,
    received: (source) => received.set(source, (received.get(source) ?? 0) + 1),
  };
  const { audit } = store.credentials;
  const routes = serviceRoutes({
    store,
    ingest,
    testMessages: new TestMessages(runtime, { ingest, audit }),
    responses: cache.responses,
    auth,
    limiting,
    sessions,
    readMode: parts.readMode,
    keys,
    secrets: createSecretIssuer(start, store, secrets),
    eraser,
    readiness: ingestion.readiness,
    metrics: { contentType: metrics.contentType, render: part?.renderAll ?? metrics.render },
    overview: parts.overview,
    settings,
    bodyBytesMax,
    version: VERSION,
  });
  const connectionsMax = connectionLimit(config.connectionsMax, firstLog);
  const server = await Server.listen({
    settings: { host, port, bodyBytesMax, connectionsMax, trustProxy, corsOrigins, logHealth },
    routes,
    runtime,
    auth,
    limiting,
    queue: committer,
    tracing,
  });
  stopping.defer(() => server.close(config.drainMs));
  return server;
}

function runningApp(
  { runtime: { log, metrics }, part }: StartUp,
  started: AsyncDisposableStack,
  { listeningInfo, broken }: Pick<App, "listeningInfo" | "broken">,
): App {
  let closed: Promise<void> | undefined;
  const close = async () => {
    await started.disposeAsync();
    if (!part) log.info({ msg: "closed" });
  };
  return {
    url: listeningInfo.url,
    listeningInfo,
    log,
    metrics,
    broken,
    close: () => {
      closed ??= close();
      return closed;
    },
  };
}

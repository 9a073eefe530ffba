import { randomBytes, randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { pid } from "node:process";
import { startAlerts } from "./app/alerting.ts";
import { logCatchingUp } from "./app/catching-up.ts";
import { connectionLimit } from "./app/connection-limit.ts";
import { damageTold } from "./app/damage.ts";
import { DatabaseWatch } from "./app/database-watch.ts";
import { logReadThreadEnd } from "./app/read-threads.ts";
import { openRedis, ratesOf, sharedResponses } from "./app/redis.ts";
import { tracingOf } from "./app/tracing.ts";
import { trackDeletions, trackInserts } from "./app/tracked-store.ts";
import { ResponseCache } from "./cache/response-cache.ts";
import { WriteTracker } from "./cache/write-tracker.ts";
import { type Config, configWarnings } from "./config.ts";
import { type Clock, systemClock, within } from "./domain/clock.ts";
import { ConfigError, type StoreBroken, StoreUnavailable } from "./domain/errors.ts";
import { requireFreePort } from "./http/free-port.ts";
import { listensOn } from "./http/local-url.ts";
import { rateLimits } from "./http/rate-limit.ts";
import { Readiness } from "./http/readiness.ts";
import { Server } from "./http/server.ts";
import { GroupCommit } from "./ingest/group-commit.ts";
import { environmentSecrets } from "./ingest/live-secrets.ts";
import { SecretRing } from "./ingest/secret-ring.ts";
import { ApiKeys } from "./keys/api-keys.ts";
import { KeyIssuer } from "./keys/key-issuer.ts";
import { createLog, type Log, type LogDestination, type LogLevel } from "./observe/log.ts";
import { createMetrics, type Metrics } from "./observe/metrics.ts";
import { NO_SPANS } from "./observe/trace.ts";
import { VERSION } from "./observe/version.ts";
import { NativeProvider } from "./providers/native.ts";
import { SecretBox } from "./providers/sealed-secret.ts";
import { Eraser } from "./retention/eraser.ts";
import { Sweeper, type SweeperOptions } from "./retention/sweeper.ts";
import { openStore } from "./store/open.ts";
import type { Store } from "./store/store.ts";

/** What the log says of a service that listens. */
export interface Reach {
  /** Where it is reached from its own machine. */
  readonly url: string;
  readonly host: string;
  /** Which addresses it listens on, in words. */
  readonly listens_on: string;
  readonly reading: "open" | "API keys";
}

/** The running service. */
export interface App {
  /** Where it listens, for example `http://127.0.0.1:8000`. */
  readonly url: string;
  readonly reach: Reach;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Resolves when the database must not be used any more: the process has to end. */
  readonly broken: Promise<StoreBroken>;
  /** Answers what was accepted, then lets go of everything. Nothing runs any more when it resolves. Safe twice. */
  close(): Promise<void>;
}

/** Where the log goes, and what it had to give up. */
export interface LogSink extends LogDestination {
  dropped(): number;
}

/** What is different when this process is one of several that share the work. */
export interface Part {
  /** Its number stands in each of its log lines. That it listens and has closed is told by whoever started it. */
  readonly worker: number;
  /** The metrics of all of them, as one text. */
  readonly renderAll: () => Promise<string>;
}

/** Builds the service by hand and starts it. Rejects with `StoreRefused` or the error of listening; then nothing is left running. */
export async function startApp(config: Config, sink: LogSink, part?: Part): Promise<App> {
  const clock = systemClock;
  const level = config.logLevel as LogLevel;
  const log = createLog({ level, destination: sink, now: clock.now, ...(part && { worker: part.worker }) });
  const metrics = createMetrics({ version: VERSION, node: process.versions.node });
  await using opened = new AsyncDisposableStack();
  const tracing = await tracingOf(config, {
    version: VERSION,
    clock,
    random: Math.random,
    log,
    worker: part?.worker,
  });
  opened.defer(async () => tracing?.stop());
  if (part === undefined) await requireFreePort(config.host, config.port);
  const store = await openStore(config.databaseUrl, {
    migrate: config.migrate,
    connectionsMax: config.databaseConnections,
    allowWeakDurability: config.allowWeakDurability,
    random: Math.random,
    progress: (progress) => log.info({ msg: "upgrading the database", progress }),
    readThreadEnded: (end) => logReadThreadEnd(log, end),
    damaged: damageTold({ log, metrics }),
    // A new database has no API key, and a start that is refused changes nothing.
    newDatabaseError: needsKey(config) && config.adminApiKey === undefined ? new ConfigError([NO_KEY]) : undefined,
  });
  opened.defer(() => store.close());
  for (const upgrade of store.upgrades) log.info({ msg: "database upgraded", upgrade });
  // Of several, one tells what is the same for all.
  const tells = part === undefined || part.worker === 1;
  for (const warning of tells ? store.warnings : []) log.warn({ msg: "the database needs attention", warning });
  const redis = await openRedis(config, { clock, log, metrics });
  opened.defer(async () => redis?.close());
  const limits = rateLimits(ratesOf(config), {
    clock,
    redis,
    keySecret: config.masterKey ?? config.webhookSecret ?? config.webhookSecretsPrevious[0]?.secret ?? "",
  });
  const writes = new WriteTracker(clock);
  // One of several does not know what the others store, and a service shall show at once what it has taken.
  const ttlMs = part === undefined ? config.cacheTtlMs : 0;
  const answers = new ResponseCache({
    ttlMs,
    writes,
    clock,
    count: (result) => metrics.cacheRequests.inc({ result }),
    shared: sharedResponses(store, redis, ttlMs),
  });
  const secrets = await startSecrets(config, { store, clock, log: tells ? log : undefined });
  opened.defer(() => secrets.stop());
  const keys = await startKeys(config, { store, clock, log });
  opened.defer(() => keys.close());
  if (needsKey(config) && !keys.anyLive()) throw new ConfigError([NO_KEY]);
  const readIsOpen = () => config.readAuth === "open" || (config.readAuth === "auto" && !keys.everWas());
  if (readIsOpen() && tells) {
    const msg = READING_IS_OPEN[config.readAuth === "open" ? "open" : "auto"];
    log.warn({ msg, listens_on: listensOn(config.host) });
  }
  for (const warning of tells ? configWarnings(config) : []) log.warn({ msg: "a setting needs attention", warning });
  const provider = new NativeProvider(secrets.signing);
  const received = new Map([[provider.source, 0]]);
  const readiness = new Readiness({ store, clock, secretConfigured: secrets.configured });
  const watch = tells ? new DatabaseWatch({ clock, log, problem: () => readiness.databaseProblem() }) : undefined;
  opened.defer(async () => watch?.stop());
  const written = ttlMs === 0 ? store : trackInserts(writes, store);
  const committer = new GroupCommit({
    store: watch?.watching(written) ?? written,
    clock,
    metrics,
    tracing,
  });
  metrics.observe({
    queueRows: () => committer.queueRows(),
    queueBytes: () => committer.queueBytes(),
    queueAgeMs: () => committer.oldestAgeMs(),
    // A database that hangs is not ready, and the other figures do not wait for it.
    ready: async () => (await within(clock, FIGURE_MS_MAX, readiness.problem())) === null,
    databaseBytes: () => inTime(clock, store.sizeBytes()),
    disk: () => inTime(clock, store.disk()),
    received: () => received,
    backlogRows: () => store.backlogRows(),
    queuedReads: () => store.queuedReads(),
    readThreadRestarts: () => store.readThreadRestarts(),
    logLinesDropped: () => sink.dropped(),
    traceSpans: () => tracing?.spanCounts() ?? NO_SPANS,
    signatureKeys: secrets.figures,
    readAuthOpen: () => Number(readIsOpen()),
    sharedStateUp: () => (redis?.up() ? 1 : 0),
    // Of several, whoever started them counts them.
    workers: () => (part ? { configured: 0, alive: 0, restarts: 0 } : { configured: 1, alive: 1, restarts: 0 }),
  });
  const retention = retentionOf(config, {
    store: trackDeletions(writes, store.retention),
    audit: store.credentials.audit,
    clock,
    log,
    metrics,
    newId: randomUUID,
    total: async () => (await store.stats()).total,
  });
  opened.defer(() => retention.sweeper.stop());
  const { host, port, bodyBytesMax, corsOrigins, trustProxy } = config;
  const server = await Server.listen({
    host,
    port,
    bodyBytesMax,
    corsOrigins,
    trustProxy,
    limits,
    version: VERSION,
    newId: randomUUID,
    senders: limits.sender,
    readiness,
    verified: secrets.verified,
    received: (source) => received.set(source, (received.get(source) ?? 0) + 1),
    store,
    keys,
    clock,
    log,
    tracing,
    provider,
    committer,
    answers,
    eraser: retention.eraser,
    random: Math.random,
    logHealth: config.logHealth,
    connectionsMax: connectionLimit(config.connectionsMax, tells ? log : undefined),
    readIsOpen,
    metricsGuarded: config.metricsAuth === "required",
    metrics: { ...metrics, render: part?.renderAll ?? metrics.render },
  });
  const alerts = await startAlerts(config, { store, clock, log, metrics, readiness, committer, received, part });
  opened.defer(() => alerts?.stop());
  const resources = opened.move();
  const reach: Reach = {
    url: server.url,
    host,
    listens_on: listensOn(host),
    reading: readIsOpen() ? "open" : "API keys",
  };
  if (!part) log.info({ msg: "listening", ...reach, version: VERSION });
  const closing = new AbortController();
  const caughtUp = logCatchingUp({ store, clock, log, signal: closing.signal });

  let closed: Promise<void> | undefined;
  const close = async () => {
    closing.abort();
    await caughtUp;
    await server.close(config.drainMs);
    await committer.stop();
    await resources.disposeAsync();
    if (!part) log.info({ msg: "closed" });
  };
  return {
    url: server.url,
    reach,
    log,
    metrics,
    broken: store.broken,
    close: () => {
      closed ??= close();
      return closed;
    },
  };
}

function needsKey({ readAuth }: Config): boolean {
  return readAuth === "required";
}

const READING_IS_OPEN = {
  auto: "everybody who reaches the port may read, until the first API key exists: make one with lyftr keys create, or set READ_AUTH",
  open: "everybody who reaches the port may read, because READ_AUTH is open",
};
const NO_KEY =
  "READ_AUTH is required, and there is no valid API key: create one with lyftr keys create --name NAME --scope admin (on a new database run lyftr migrate first), or set ADMIN_API_KEY";

function startKeys(
  { adminApiKey: adminKey }: Config,
  { store: { credentials }, clock, log }: { readonly store: Store; readonly clock: Clock; readonly log: Log },
): Promise<ApiKeys> {
  const store = credentials.keys;
  const issuer = new KeyIssuer({ store, now: clock.now, newId: randomUUID, randomBytes });
  return ApiKeys.start({ store, issuer, clock, log, adminKey });
}

/** The secrets of the environment and of the database. */
function startSecrets(
  { webhookSecret, webhookSecretsPrevious, masterKey }: Config,
  {
    store: { credentials },
    clock,
    log,
  }: { readonly store: Store; readonly clock: Clock; readonly log: Log | undefined },
): Promise<SecretRing> {
  const fixed = environmentSecrets(webhookSecret, webhookSecretsPrevious);
  const box = masterKey === undefined ? undefined : new SecretBox(masterKey);
  const process = `${hostname()}:${pid}:${randomUUID()}`;
  return SecretRing.start({ fixed, box, store: credentials.secrets, clock, log, process });
}

/** What deletes: by itself, and because somebody asks for it. Tombstones come to their end though nothing is deleted any more. */
function retentionOf(
  { retentionDays: days, tombstoneDays }: Config,
  parts: Omit<SweeperOptions, "days" | "tombstoneDays">,
) {
  const options = { ...parts, tombstoneDays };
  return { sweeper: new Sweeper({ ...options, days }), eraser: new Eraser(options) };
}

/** A database that hangs shall not hold up the other figures of a scrape, which are wanted most then. */
const FIGURE_MS_MAX = 500;

async function inTime<T>(clock: Clock, asked: Promise<T>): Promise<T> {
  // In a list, because undefined is an answer as well.
  const answer = await within(
    clock,
    FIGURE_MS_MAX,
    asked.then((figure) => [figure] as const),
  );
  if (answer === undefined) throw new StoreUnavailable("a figure of the database took too long");
  return answer[0];
}

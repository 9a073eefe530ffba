import { randomBytes } from "node:crypto";
import { type RouteParts, serviceRoutes } from "../../src/app/routes.ts";
import { ResponseCache } from "../../src/cache/response-cache.ts";
import { WriteTracker } from "../../src/cache/write-tracker.ts";
import { systemClock } from "../../src/domain/clock.ts";
import { Auth, type AuthOptions } from "../../src/http/auth.ts";
import { RateLimiting, rateLimits } from "../../src/http/rate-limit.ts";
import type { Readiness } from "../../src/http/readiness.ts";
import type { Route } from "../../src/http/route.ts";
import { Server, type ServerOptions, type ServerSettings } from "../../src/http/server.ts";
import { SessionCookies } from "../../src/http/session-cookies.ts";
import type { IngestOptions } from "../../src/ingest/ingest.ts";
import { createLog } from "../../src/observe/log.ts";
import { createMetrics, type ServiceMetrics } from "../../src/observe/metrics.ts";
import type { Store } from "../../src/store/store.ts";
import type { LogLine } from "./service.ts";

export interface BareServer {
  readonly url: string;
  readonly port: number;
  readonly lines: readonly LogLine[];
  /** Safe to call twice. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** The parts that a test provides. Missing ones must not be used. */
export interface BareServerOptions extends Partial<ServerSettings> {
  readonly store?: Store;
  readonly readiness?: Pick<Readiness, "problem" | "reason">;
  readonly metrics?: ServiceMetrics;
  readonly committer?: IngestOptions["committer"] & ServerOptions["queue"];
  readonly provider?: IngestOptions["provider"];
  readonly keys?: AuthOptions["keys"];
  readonly overview?: RouteParts["overview"];
  readonly newId?: () => string;
  readonly random?: () => number;
  /** Instead of the routes of the service. */
  readonly routes?: readonly Route[];
}

const none = undefined as never;

/**
 * The HTTP server alone, with parts from the test that do what a real database, clock or sender
 * would not do on request.
 */
export async function bareServer(options: BareServerOptions): Promise<BareServer> {
  const lines: LogLine[] = [];
  const destination = { write: (text: string) => void lines.push(JSON.parse(text)) };
  const {
    store = none,
    readiness = { problem: async () => null, reason: async () => null },
    metrics = createMetrics({ version: "0", node: "0" }),
    committer = { insert: none, queueDelayMs: () => 0, queueRows: () => 0 },
    provider = none,
    overview = none,
    newId = () => "new",
    random = () => 0,
    bodyBytesMax = 1,
  } = options;
  const clock = systemClock;
  const limiting = new RateLimiting(
    rateLimits({}, { clock, redis: undefined, keySecret: "" }),
    metrics,
  );
  const secrets = [{ secret: "of the tests" }] as const;
  const sessions = new SessionCookies({ secrets, clock, randomBytes });
  const auth = new Auth({
    keys: none,
    isReadingOpen: () => true,
    sessions,
    metricsGuarded: false,
    limiting,
    metrics,
  });
  const answers = new ResponseCache(clock, {
    ttlMs: 0,
    writes: new WriteTracker(clock),
    count: () => undefined,
  });
  const routes = serviceRoutes({
    store,
    ingest: {
      provider,
      committer,
      clock,
      senders: undefined,
      verified: () => undefined,
      received: () => undefined,
    },
    responses: answers,
    auth,
    limiting,
    sessions,
    readMode: () => "open",
    keys: none,
    testMessages: none,
    secrets: none,
    eraser: none,
    readiness,
    metrics,
    overview,
    settings: [],
    bodyBytesMax,
    version: "0",
  });
  const server = await Server.listen({
    settings: {
      host: "127.0.0.1",
      port: 0,
      bodyBytesMax,
      connectionsMax: 1_000,
      trustProxy: [],
      corsOrigins: [],
      logHealth: true,
      ...options,
    },
    routes: options.routes ?? routes,
    runtime: {
      clock,
      log: createLog({ level: "INFO", destination, now: clock.now }),
      metrics,
      random,
      newId,
    },
    auth,
    limiting,
    queue: committer,
    tracing: undefined,
  });
  let closed: Promise<void> | undefined;
  return {
    url: server.url,
    port: Number(new URL(server.url).port),
    lines,
    [Symbol.asyncDispose]: () => (closed ??= server.close(500)),
  };
}

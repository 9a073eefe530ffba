import { ResponseCache } from "../../src/cache/response-cache.ts";
import { WriteTracker } from "../../src/cache/write-tracker.ts";
import { systemClock } from "../../src/domain/clock.ts";
import { rateLimits } from "../../src/http/rate-limit.ts";
import { Server, type ServerOptions } from "../../src/http/server.ts";
import { createLog } from "../../src/observe/log.ts";
import { createMetrics } from "../../src/observe/metrics.ts";
import type { LogLine } from "./service.ts";

export interface BareServer {
  readonly url: string;
  readonly port: number;
  readonly lines: readonly LogLine[];
  /** Safe twice. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** The wire alone, for what a real database, a real clock or a real sender would not do when it is asked to: the test hands in what does. */
export async function bareServer(options: Partial<ServerOptions>): Promise<BareServer> {
  const lines: LogLine[] = [];
  const destination = { write: (text: string) => void lines.push(JSON.parse(text)) };
  const none = undefined as never;
  const server = await Server.listen({
    host: "127.0.0.1",
    port: 0,
    bodyBytesMax: 1,
    readiness: { problem: async () => null, reason: async () => null },
    version: "0",
    newId: () => "new",
    trustProxy: [],
    senders: undefined,
    verified: () => undefined,
    received: () => undefined,
    corsOrigins: [],
    random: () => 0,
    connectionsMax: 1_000,
    limits: rateLimits({}, { clock: systemClock, redis: undefined, keySecret: "" }),
    clock: systemClock,
    log: createLog({ level: "INFO", destination, now: systemClock.now }),
    store: none,
    eraser: none,
    provider: none,
    keys: none,
    readIsOpen: () => true,
    metricsGuarded: false,
    committer: { insert: none, queueDelayMs: () => 0, queueRows: () => 0 },
    metrics: createMetrics({ version: "0", node: "0" }),
    answers: new ResponseCache(systemClock, {
      ttlMs: 0,
      writes: new WriteTracker(systemClock),
      count: () => undefined,
    }),
    ...options,
  });
  let closed: Promise<void> | undefined;
  return {
    url: server.url,
    port: Number(new URL(server.url).port),
    lines,
    [Symbol.asyncDispose]: () => (closed ??= server.close(500)),
  };
}

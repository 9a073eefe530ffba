import { type Clock, within } from "../domain/clock.ts";
import { StoreUnavailable } from "../domain/errors.ts";
import { NO_SPANS, type Tracing } from "../observe/trace.ts";
import type { Redis } from "../redis/redis.ts";
import type { WebhookSecrets } from "../secrets/webhook-secrets.ts";
import type { Store } from "../store/store.ts";
import type { Ingestion } from "./ingestion.ts";
import type { StartUp } from "./start-up.ts";

/**
 * When the database hangs, the other figures of a scrape must not wait for it: they are needed most
 * then.
 */
const FIGURE_MS_MAX = 500;

export interface ObservedParts {
  readonly store: Store;
  readonly ingestion: Ingestion;
  readonly secrets: WebhookSecrets;
  readonly redis: Redis | undefined;
  readonly tracing: Tracing | undefined;
  readonly isReadingOpen: () => boolean;
  readonly logLinesDropped: () => number;
}

/** Adds the metrics that are read from the running service at each scrape. */
export function observeService(
  { runtime: { clock, metrics }, part }: StartUp,
  parts: ObservedParts,
): void {
  const { store, ingestion, secrets, redis, tracing, isReadingOpen, logLinesDropped } = parts;
  const { committer, readiness, received } = ingestion;
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
    logLinesDropped,
    traceSpans: () => tracing?.spanCounts() ?? NO_SPANS,
    signatureKeys: secrets.figures,
    readAuthOpen: () => Number(isReadingOpen()),
    sharedStateUp: () => (redis?.up() ? 1 : 0),
    // With several processes, the supervisor counts them.
    workers: () =>
      part ? { configured: 0, alive: 0, restarts: 0 } : { configured: 1, alive: 1, restarts: 0 },
  });
}

async function inTime<T>(clock: Clock, asked: Promise<T>): Promise<T> {
  // Wrapped in a list, because undefined is a valid answer.
  const answer = await within(
    clock,
    FIGURE_MS_MAX,
    asked.then((figure) => [figure] as const),
  );
  if (answer === undefined)
    throw new StoreUnavailable("reading a metric of the database took too long");
  return answer[0];
}

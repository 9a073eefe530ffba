import { createMetrics } from "../../src/observe/metrics.ts";

/** The names of all metrics of a new service, including those of its process. */
export async function metricNames(): Promise<readonly string[]> {
  const metrics = createMetrics({ version: "test", node: "test" });
  metrics.observe({
    queueRows: () => 0,
    queueBytes: () => 0,
    queueAgeMs: () => 0,
    ready: async () => true,
    databaseBytes: async () => 0,
    disk: async () => ({ freeBytes: 0, sizeBytes: 0 }),
    received: () => new Map(),
    backlogRows: () => 0,
    queuedReads: () => 0,
    readThreadRestarts: () => 0,
    logLinesDropped: () => 0,
    signatureKeys: () => [],
    traceSpans: () => ({ sent: 0, failed: 0, dropped: 0 }),
    readAuthOpen: () => 0,
    sharedStateUp: () => 0,
    workers: () => ({ configured: 1, alive: 1, restarts: 0 }),
  });
  const text = await metrics.render();
  return [...text.matchAll(/^# TYPE (\S+) /gm)].map(([, name = ""]) => name);
}

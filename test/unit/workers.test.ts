import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { BackOff } from "../../src/cli/workers/back-off.ts";
import { SharedRun } from "../../src/cli/workers/shared-run.ts";
import { WholeLines } from "../../src/cli/workers/whole-lines.ts";
import { type Counting, WorkersMetrics } from "../../src/cli/workers/workers-metrics.ts";
import { systemClock } from "../../src/domain/clock.ts";
import { createMetrics, type Samples, type ServiceMetrics } from "../../src/observe/metrics.ts";
import { series } from "../support/client.ts";

function newMetrics(figure: number): ServiceMetrics {
  const metrics = createMetrics({ version: "test", node: "test" });
  metrics.observe({
    queueRows: () => figure,
    queueBytes: () => figure,
    ready: async () => figure > 0,
    queueAgeMs: () => figure,
    disk: async () => undefined,
    databaseBytes: async () => figure,
    received: () => new Map(),
    backlogRows: () => figure,
    queuedReads: () => figure,
    readThreadRestarts: () => figure,
    logLinesDropped: () => figure,
    signatureKeys: () => [],
    traceSpans: () => ({ sent: 0, failed: 0, dropped: 0 }),
    readAuthOpen: () => figure,
    sharedStateUp: () => figure,
    workers: () => ({ configured: 0, alive: 0, restarts: 0 }),
  });
  return metrics;
}

/** A worker that answers as long as `answers` says so. */
function counting(
  metrics: ServiceMetrics,
  answers: () => boolean = () => true,
): Counting & { counts: Samples } {
  const worker = {
    counts: [] as Samples,
    listens: () => true,
    samples: async () => {
      if (!answers()) return new Promise<undefined>(() => undefined);
      worker.counts = await metrics.counts();
      return metrics.samples();
    },
    samplesOf: async (names: readonly string[]) =>
      answers() ? metrics.samplesOf(names) : new Promise<undefined>(() => undefined),
  };
  return worker;
}

const CREATED = `webhook_requests_total{result="created"}`;

test("lines that arrive in pieces are written as a whole, several at a time", () => {
  const taken: string[] = [];
  const lines = new WholeLines((text) => taken.push(text));
  for (const piece of ["one", "\ntw", "o\nthree\nfo", "ur", "\n", "\n"]) lines.push(piece);
  deepEqual(taken, ["one\n", "two\nthree\n", "four\n", "\n"]);
  lines.end();
  equal(lines.torn(), 0);
});

test("a line that is never finished is left out and counted", () => {
  const taken: string[] = [];
  const lines = new WholeLines((text) => taken.push(text));
  lines.push("whole\ntorn");
  lines.end();
  deepEqual([taken, lines.torn()], [["whole\n"], 1]);
});

test("a line longer than a mebibyte is left out and counted, and the next one is complete", () => {
  const taken: string[] = [];
  const lines = new WholeLines((text) => taken.push(text));
  for (let n = 0; n < 20; n++) lines.push("x".repeat(100_000));
  lines.push("its end\nnext\nlast");
  lines.push("\n");
  deepEqual([taken, lines.torn()], [["next\n", "last\n"], 1]);
});

test("a worker is restarted after 1, 2, 4 … 30 seconds, and after a minute of life after 1 again", () => {
  const backOff = new BackOff();
  const delays = [0, 10, 59_999, 0, 0, 0, 0, 60_000, 0].map(
    (livedMs) => backOff.delayMs(livedMs) / 1_000,
  );
  deepEqual(delays, [1, 2, 4, 8, 16, 30, 30, 1, 2]);
});

test("for any number of requests one run follows another, and no request gets a run from before it", async () => {
  const runs: (() => void)[] = [];
  const latest = new SharedRun(async () => {
    const run = runs.length;
    await new Promise<void>((resolve) => runs.push(resolve));
    return run;
  });
  const first = latest.get();
  const others = [latest.get(), latest.get(), latest.get()];
  equal(runs.length, 1);
  runs[0]?.();
  equal(await first, 0);
  await new Promise(setImmediate);
  equal(runs.length, 2);
  const later = latest.get();
  runs[1]?.();
  deepEqual(await Promise.all(others), [1, 1, 1]);
  await new Promise(setImmediate);
  runs[2]?.();
  equal(await later, 2);
});

test("a failed run fails the requests that wait for it, and not the next", async () => {
  let runs = 0;
  const latest = new SharedRun(async () => {
    if (++runs === 1) throw new Error("no");
    return runs;
  });
  const [first, second] = await Promise.allSettled([latest.get(), latest.get()]);
  deepEqual([first.status, second.status === "fulfilled" && second.value], ["rejected", 2]);
});

test("counters, histograms and queues of workers are summed; figures that all share are not", async () => {
  const workers = [newMetrics(3), newMetrics(4)];
  for (const metrics of workers) {
    metrics.webhookRequests.inc({ result: "created" }, 5);
    metrics.commitRows.observe(7);
    metrics.httpRequests.inc({ method: "POST", path: "/webhook", status: "200" }, 5);
  }
  const team = new WorkersMetrics(systemClock, {
    own: newMetrics(0),
    workers: () => workers.map((one) => counting(one)),
  });
  const text = await team.render();
  const samples = series(text);
  const value = (name: string) => samples.get(name);
  deepEqual(
    [value(CREATED), value("commit_batch_rows_count"), value("commit_batch_rows_sum")],
    [10, 2, 14],
  );
  deepEqual(
    [value(`commit_batch_rows_bucket{le="4"}`), value(`commit_batch_rows_bucket{le="8"}`)],
    [0, 2],
  );
  deepEqual(
    [value("commit_queue_rows"), value("commit_queue_bytes"), value("read_queue_requests")],
    [7, 7, 7],
  );
  deepEqual(
    [
      value("log_lines_dropped_total"),
      value("database_size_bytes"),
      value("read_index_backlog_rows"),
    ],
    [7, 4, 4],
  );
  equal(value(`lyftr_build_info{version="test",node="test"}`), 1);
  deepEqual(
    [...samples.keys()].filter((name) => name.startsWith("http_requests_total")),
    [
      `http_requests_total{method="GET",path="/metrics",status="200"}`,
      `http_requests_total{method="POST",path="/webhook",status="200"}`,
    ],
  );
  // The same except what cannot be summed, and in the same order, so that the counters of the
  // contract come first.
  const types = (exposition: string) =>
    [...exposition.matchAll(/^# TYPE (\S+) /gm)].map(([, name]) => name);
  const alone = types(await newMetrics(0).render());
  deepEqual(
    types(text),
    alone.filter((name) => name !== "nodejs_eventloop_utilization_summary"),
  );
});

test("figures of processes: memory is summed, for open files and delays the worst one counts", async () => {
  const team = new WorkersMetrics(systemClock, {
    own: newMetrics(0),
    workers: () => [counting(newMetrics(0)), counting(newMetrics(0))],
  });
  const one = series(await newMetrics(0).render());
  const all = series(await team.render());
  const ratio = (name: string) => Math.round((all.get(name) ?? 0) / (one.get(name) ?? 1));
  deepEqual(
    [ratio("process_resident_memory_bytes"), ratio("process_max_fds"), ratio("process_open_fds")],
    [3, 1, 1],
  );
  equal(all.get("process_start_time_seconds"), one.get("process_start_time_seconds"));
  ok((all.get("nodejs_eventloop_lag_p99_seconds") ?? 1) < 1);
});

test("counters do not decrease when a worker is silent for a second, nor when it dies", {
  timeout: 10_000,
}, async () => {
  const [steady, dying] = [newMetrics(0), newMetrics(0)];
  for (const metrics of [steady, dying]) metrics.webhookRequests.inc({ result: "created" }, 5);
  let answers = true;
  const mortal = counting(dying, () => answers);
  const workers = [counting(steady), mortal];
  const team = new WorkersMetrics(systemClock, { own: newMetrics(0), workers: () => workers });
  const created = async () => series(await team.render()).get(CREATED);
  equal(await created(), 10);
  answers = false;
  const startMs = performance.now();
  equal(await created(), 10);
  ok(performance.now() - startMs < 2_000);
  workers.pop();
  team.keep(mortal.counts);
  equal(await created(), 10);
  // Its successor counts from 0, and may die as well.
  const next = newMetrics(0);
  next.webhookRequests.inc({ result: "created" }, 2);
  const successor = counting(next);
  workers.push(successor);
  equal(await created(), 12);
  workers.pop();
  team.keep(successor.counts);
  equal(await created(), 12);
});

test("a worker that dies during a scrape is counted once", async () => {
  const metrics = newMetrics(0);
  metrics.webhookRequests.inc({ result: "created" }, 5);
  const workers: Counting[] = [];
  const team: WorkersMetrics = new WorkersMetrics(systemClock, {
    own: newMetrics(0),
    workers: () => [...workers],
  });
  const mortal = {
    counts: await metrics.counts(),
    listens: () => true,
    samplesOf: async () => [],
    samples: async () => {
      const samples = await metrics.samples();
      workers.pop();
      team.keep(mortal.counts);
      return samples;
    },
  };
  workers.push(mortal);
  equal(series(await team.render()).get(CREATED), 5);
  equal(series(await team.render()).get(CREATED), 5);
});

test("the figures of the overview are combined as in the metrics, also when a worker is silent or has died", {
  timeout: 10_000,
}, async () => {
  const [steady, dying] = [newMetrics(3), newMetrics(4)];
  steady.webhookRequests.inc({ result: "created" }, 5);
  dying.webhookRequests.inc({ result: "created" }, 6);
  dying.webhookConflicts.inc();
  for (const reason of ["bytes", "probes"] as const) steady.requestsShed.inc({ reason });
  let answers = true;
  const mortal = counting(dying, () => answers);
  const workers = [counting(steady), mortal];
  const team = new WorkersMetrics(systemClock, { own: newMetrics(0), workers: () => workers });
  const figures = await team.figures();
  const samples = series(await team.render());
  for (const [result, count] of Object.entries(figures.results))
    equal(count, samples.get(`webhook_requests_total{result="${result}"}`), result);
  equal(Object.keys(figures.results).length, 9);
  deepEqual(
    [figures.results.created, figures.conflicts, figures.shed, figures.backlogRows],
    [11, 1, 2, 4],
  );
  deepEqual(figures.queue, { rows: 7, ageSeconds: samples.get("commit_queue_age_seconds") });
  answers = false;
  const startMs = performance.now();
  deepEqual((await team.figures()).results, figures.results);
  ok(performance.now() - startMs < 800);
  workers.pop();
  team.keep(mortal.counts);
  const { results, conflicts, queue } = await team.figures();
  deepEqual([results, conflicts, queue.rows], [figures.results, 1, 3]);
});

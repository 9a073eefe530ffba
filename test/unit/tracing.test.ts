import { deepEqual, equal, match, ok } from "node:assert/strict";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { millisToHrTime } from "@opentelemetry/core";
import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import fc from "fast-check";
import { tracingOptions } from "../../src/app/tracing.ts";
import { readConfig } from "../../src/config.ts";
import { systemClock } from "../../src/domain/clock.ts";
import { GroupCommit } from "../../src/ingest/group-commit.ts";
import type { RequestTrace, Tracing } from "../../src/observe/trace.ts";
import { AnchoredTime } from "../../src/observe/tracing/anchored-time.ts";
import { OpenTelemetry } from "../../src/observe/tracing/open-telemetry.ts";
import { SpanExport } from "../../src/observe/tracing/span-export.ts";
import { message } from "../store/exercise.ts";
import { HandClock } from "../support/hand-clock.ts";
import { type OtlpReceiver, startOtlpReceiver } from "../support/otlp-receiver.ts";
import { testRuntime } from "../support/runtime.ts";

const URL_OF_TRACES = "http://127.0.0.1:4318/v1/traces";
const LINKS_MAX = 128;

/** The result of the environment, and its warnings. */
function optionsOf(env: Readonly<Record<string, string>>) {
  const complaints: string[] = [];
  const options = tracingOptions(readConfig(env), URL_OF_TRACES, (sentence) =>
    complaints.push(sentence),
  );
  return { ...options, complaints };
}

test("a valid traceparent is returned unchanged, and any other text never produces an invalid one", async () => {
  await using receiver = await startOtlpReceiver();
  const tracing = tracingTo(receiver);
  const atMs = systemClock.monotonic();
  const begin = (traceparent: unknown) =>
    tracing.begin({ name: "GET /stats", atMs, traceparent, tracestate: undefined }) as RequestTrace;
  const hex = (length: number) =>
    fc
      .array(fc.constantFrom(..."0123456789abcdef"), { minLength: length, maxLength: length })
      .map((digits) => digits.join(""))
      .filter((text) => /[^0]/.test(text));
  const parents = new Map<string, string>();
  fc.assert(
    fc.property(hex(32), hex(16), fc.boolean(), (traceId, spanId, sampled) => {
      const trace = begin(`00-${traceId}-${spanId}-0${Number(sampled)}`);
      equal(trace.traceparent, `00-${traceId}-${trace.spanId}-0${Number(sampled)}`);
      trace.end({ atMs, attributes: () => ({}), failed: false });
      if (sampled) parents.set(`${traceId} ${trace.spanId}`, spanId);
    }),
  );
  const good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const spoilt = fc
    .tuple(fc.nat(good.length - 1), fc.string({ maxLength: 3 }), fc.nat(3))
    .map(([at, text, cut]) => {
      return good.slice(0, at) + text + good.slice(at + cut);
    });
  fc.assert(
    fc.property(fc.oneof(fc.string(), spoilt, fc.anything()), (field) => {
      const { traceId, traceparent } = begin(field);
      match(traceparent, /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-0[01]$/);
      if (typeof field !== "string" || !field.includes(traceId)) return;
      match(field, new RegExp(`^[0-9a-f]{2}-${traceId}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}`));
    }),
  );
  await tracing.stop();
  const sent = receiver
    .spans()
    .map(({ traceId, spanId, parentSpanId }) => [`${traceId} ${spanId}`, parentSpanId]);
  deepEqual(new Map(sent as [string, string][]), parents);
});

test("moments keep their order, and follow the wall clock when it is set", () => {
  const moments = [
    1_763_000_000_000.25, 1_763_000_000_000.5, 1_763_000_000_999.75, 1_763_000_001_000,
  ];
  const nanoseconds = moments
    .map((ms) => millisToHrTime(ms))
    .map(([seconds, rest]) => BigInt(seconds) * 1_000_000_000n + BigInt(rest));
  deepEqual(
    nanoseconds,
    nanoseconds.toSorted((a, b) => (a < b ? -1 : 1)),
  );
  ok(moments.every((ms) => millisToHrTime(ms)[1] < 1_000_000_000));
  let wallMs = 1_000_000;
  const time = new AnchoredTime({ ...systemClock, now: () => wallMs, monotonic: () => 1_000 });
  wallMs += 20;
  equal(time.wallAheadMs(), 999_000);
  wallMs += 3_600_000;
  equal(time.wallAheadMs(), 999_020 + 3_600_000);
});

const SPAN = { spanContext: () => ({ traceFlags: 1 }), resource: {} } as ReadableSpan;

test("beyond the limit spans are dropped and counted, and a collector that accepts none is logged once a minute", async ({
  mock,
}) => {
  const clock = new HandClock();
  // The SDK waits for the delay with Node's timer.
  mock.timers.enable({ apis: ["setTimeout"] });
  const warnings: Record<string, unknown>[] = [];
  const sizes: number[] = [];
  const gates: (() => void)[] = [];
  const sender = {
    send: async (spans: readonly ReadableSpan[]) => {
      sizes.push(spans.length);
      await new Promise<void>((resolve) => gates.push(resolve));
      return { spans: spans.length, reason: "HTTP 500" };
    },
    close: () => gates.forEach((open) => void open()),
  };
  const log = { warn: (line: object) => void warnings.push({ ...line }) };
  const limits = { spansMax: 10, spansPerRequestMax: 4, delayMs: 1_000 };
  const queue = new SpanExport({ ...limits, sender, clock, log: log as never });
  const add = (count: number) => {
    for (let n = 0; n < count; n++) queue.onEnd(SPAN);
  };
  add(4);
  await clock.advance(1);
  // Four are under way, ten wait, six find no room.
  add(16);
  deepEqual([sizes, queue.counts()], [[4], { sent: 0, failed: 0, dropped: 6 }]);
  for (let n = 0; n < 3; n++) {
    gates.shift()?.();
    await clock.advance(1);
  }
  deepEqual([sizes, queue.counts()], [[4, 4, 4], { sent: 0, failed: 12, dropped: 6 }]);
  // The rest is less than a request, and waits for the delay.
  mock.timers.tick(1_000);
  await clock.advance(1_000);
  deepEqual(sizes, [4, 4, 4, 2]);
  deepEqual(warnings, [{ msg: "spans of traces are lost", reason: "HTTP 500", spans: 10 }]);
  await clock.advance(60_000);
  gates.shift()?.();
  await clock.advance(1);
  deepEqual(warnings[1], { msg: "spans of traces are lost", reason: "HTTP 500", spans: 10 });
  const stopped = queue.stop();
  await queue.stop();
  await stopped;
  add(1);
  equal(queue.counts().dropped, 7);
});

/** Traces that are sent to a receiver. */
function tracingTo(
  receiver: Pick<OtlpReceiver, "url">,
  env: Readonly<Record<string, string>> = {},
): Tracing {
  const { complaints, ...options } = optionsOf({ OTEL_BSP_MAX_QUEUE_SIZE: "65536", ...env });
  deepEqual(complaints, []);
  const log = { info: () => undefined, warn: () => undefined } as never;
  const otlp = { ...options.otlp, url: `${receiver.url}/v1/traces` };
  return new OpenTelemetry({
    ...options,
    otlp,
    version: "0.0.0",
    clock: systemClock,
    random: Math.random,
    log,
  });
}

/**
 * This many concurrent requests in one batch; `isSampled` says whether their sender samples them.
 */
async function commitAtOnce(tracing: Tracing, flags: readonly boolean[]): Promise<void> {
  const { monotonic } = systemClock;
  const store = {
    insertMessages: async (rows: readonly unknown[]) => rows.map(() => "created" as const),
  };
  const committer = new GroupCommit(testRuntime(), { store, tracing });
  const traces = flags.map((sampled, at) => {
    const traceparent = `00-${`${at + 1}`.padStart(32, "a")}-${"1".padStart(16, "0")}-0${Number(sampled)}`;
    return tracing.begin({
      name: "POST /webhook",
      atMs: monotonic(),
      traceparent,
      tracestate: undefined,
    }) as RequestTrace;
  });
  // The first sixteen do not wait for the others. So one is committed before, and the others after
  // it together.
  await Promise.all(traces.map((trace, at) => committer.insert(message(`m${at}`), 1, trace)));
  for (const trace of traces)
    trace.end({ atMs: monotonic(), attributes: () => ({}), failed: false });
}

test("each batch is linked to its sampled requests up to the limit, and the commit of each of these to its batch", async () => {
  await using receiver = await startOtlpReceiver();
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.boolean(), { minLength: 1, maxLength: 400, size: "max" }),
      async (flags) => {
        const from = receiver.spans().length;
        // The service's own sampler is not asked, neither for the requests nor for their batches.
        const tracing = tracingTo(receiver, { OTEL_TRACES_SAMPLER: "parentbased_always_off" });
        await commitAtOnce(tracing, flags);
        await tracing.stop();
        const spans = receiver.spans().slice(from);
        const sampled = flags.filter(Boolean).length;
        const named = (name: string) => spans.filter((span) => span.name === name);
        const commits = named("commit");
        const batches = named("commit batch");
        equal(commits.length, sampled);
        equal(named("POST /webhook").length, sampled);
        for (const batch of batches) {
          const own = commits.filter(({ links }) => links[0]?.spanId === batch.spanId);
          ok(own.length > 0);
          equal(batch.attributes["lyftr.batch.messages_sampled"], own.length);
          const linked = new Set(batch.links.map(({ spanId }) => spanId));
          equal(linked.size, Math.min(LINKS_MAX, own.length));
          const parents = new Set(own.map(({ parentSpanId }) => parentSpanId));
          ok([...linked].every((spanId) => parents.has(spanId)));
        }
        const inBatches = batches.map(({ attributes }) =>
          Number(attributes["lyftr.batch.messages_sampled"]),
        );
        equal(
          inBatches.reduce((sum, count) => sum + count, 0),
          sampled,
        );
      },
    ),
    { numRuns: 20, examples: [[Array.from({ length: 400 }, () => true)]] },
  );
});

test("without a sampled request a batch leaves no span, and the sampler decides if no sender has", async () => {
  await using receiver = await startOtlpReceiver();
  const off = tracingTo(receiver, { OTEL_TRACES_SAMPLER: "parentbased_always_off" });
  await commitAtOnce(off, [false, false]);
  const alone = {
    name: "GET /stats",
    atMs: systemClock.monotonic(),
    traceparent: undefined,
    tracestate: undefined,
  };
  equal(off.begin(alone)?.traceparent.endsWith("-00"), true);
  await off.stop();
  equal(receiver.requests.length, 0);
  const half = tracingTo(receiver, {
    OTEL_TRACES_SAMPLER: "traceidratio",
    OTEL_TRACES_SAMPLER_ARG: "0.5",
  });
  const begun = Array.from({ length: 400 }, () => half.begin(alone)?.traceparent.endsWith("-01"));
  const taken = begun.filter(Boolean).length;
  ok(taken > 120 && taken < 280, `${taken} of 400`);
  await half.stop();
});

test("spans arrive in either encoding, compressed or not, with the configured headers", async () => {
  await using receiver = await startOtlpReceiver();
  const seen: unknown[] = [];
  for (const protocol of ["http/protobuf", "http/json"]) {
    for (const compression of ["none", "gzip"]) {
      const tracing = tracingTo(receiver, {
        OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
        OTEL_EXPORTER_OTLP_COMPRESSION: compression,
        OTEL_EXPORTER_OTLP_HEADERS: "authorization=Bearer%20key",
      });
      await commitAtOnce(tracing, [true]);
      await tracing.stop();
      deepEqual(tracing.spanCounts(), { sent: 4, failed: 0, dropped: 0 });
      const { headers, spans, path } = receiver.requests.at(-1) ?? { headers: {}, spans: [] };
      deepEqual(
        [path, headers.authorization, headers["user-agent"]],
        ["/v1/traces", "Bearer key", "lyftr/0.0.0"],
      );
      equal(headers["content-encoding"], compression === "gzip" ? "gzip" : undefined);
      seen.push(
        spans.map(({ name, kind, attributes, status }) => ({ name, kind, attributes, status })),
      );
    }
  }
  deepEqual(seen.slice(1), [seen[0], seen[0], seen[0]]);
});

test("a busy collector is asked again, and one that refuses is not", async () => {
  await using receiver = await startOtlpReceiver(503);
  const tracing = tracingTo(receiver, { OTEL_BSP_SCHEDULE_DELAY: "1" });
  await commitAtOnce(tracing, [true]);
  await receiver.asked(1);
  receiver.behave("take");
  await receiver.until((spans) => spans.length === 4);
  receiver.behave(400);
  await commitAtOnce(tracing, [true]);
  await receiver.asked(3);
  await tracing.stop();
  deepEqual(tracing.spanCounts(), { sent: 4, failed: 4, dropped: 0 });
});

test("a collector that says how long to wait is not asked before", async () => {
  await using receiver = await startOtlpReceiver(429);
  const tracing = tracingTo(receiver, { OTEL_BSP_SCHEDULE_DELAY: "1" });
  await commitAtOnce(tracing, [true]);
  await receiver.asked(1);
  const askedMs = performance.now();
  receiver.behave("take");
  await receiver.asked(2);
  const waitedMs = performance.now() - askedMs;
  // By itself it would wait for three quarters of a second at most.
  ok(waitedMs > 900, `${waitedMs} ms`);
  await tracing.stop();
  equal(tracing.spanCounts().sent, 4);
});

test("a collector that hangs, or answers without an end, is given up after the time limit", async () => {
  for (const behaviour of ["hang", "endless"] as const) {
    await using receiver = await startOtlpReceiver(behaviour);
    const tracing = tracingTo(receiver, {
      OTEL_EXPORTER_OTLP_TIMEOUT: "200",
      OTEL_BSP_SCHEDULE_DELAY: "1",
    });
    await commitAtOnce(tracing, [true]);
    await receiver.asked(1);
    await commitAtOnce(tracing, [true]);
    // The second request comes after the first was given up.
    await receiver.asked(2);
    await tracing.stop();
    const { sent, failed, dropped } = tracing.spanCounts();
    equal(sent + failed, 8);
    equal(dropped, 0);
    if (behaviour === "hang") equal(failed, 8);
  }
});

test("a collector that answers a byte now and then is given up after the time limit", async () => {
  await using receiver = await startOtlpReceiver("drip");
  const tracing = tracingTo(receiver, {
    OTEL_EXPORTER_OTLP_TIMEOUT: "300",
    OTEL_BSP_SCHEDULE_DELAY: "1",
  });
  await commitAtOnce(tracing, [true]);
  await receiver.asked(1);
  const askedMs = performance.now();
  while (receiver.open() > 0) {
    ok(performance.now() - askedMs < 3_000, "the request is still open");
    await setTimeout(20);
  }
  await tracing.stop();
  equal(tracing.spanCounts().dropped, 0);
});

test("spans that a collector rejects count as failed, in either encoding", async () => {
  await using receiver = await startOtlpReceiver("reject-one");
  for (const protocol of ["http/protobuf", "http/json"]) {
    const tracing = tracingTo(receiver, { OTEL_EXPORTER_OTLP_PROTOCOL: protocol });
    await commitAtOnce(tracing, [true]);
    await tracing.stop();
    deepEqual(tracing.spanCounts(), { sent: 3, failed: 1, dropped: 0 });
  }
});

test("stopping ends a waiting retry and leaves no timer", async () => {
  await using receiver = await startOtlpReceiver(504);
  const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length;
  const tracing = tracingTo(receiver, { OTEL_BSP_SCHEDULE_DELAY: "1" });
  const before = timers();
  await commitAtOnce(tracing, [true]);
  await receiver.asked(1);
  await tracing.stop();
  deepEqual(tracing.spanCounts(), { sent: 0, failed: 4, dropped: 0 });
  ok(timers() <= before, `${timers()} timers, ${before} before`);
});

test("stopping ends requests to a hanging collector within two seconds", async () => {
  await using receiver = await startOtlpReceiver("hang");
  const tracing = tracingTo(receiver);
  await commitAtOnce(
    tracing,
    Array.from({ length: 1_000 }, () => true),
  );
  const startMs = performance.now();
  await tracing.stop();
  const tookMs = performance.now() - startMs;
  ok(tookMs < 4_000, `${tookMs} ms`);
  const { sent, failed, dropped } = tracing.spanCounts();
  deepEqual([sent, dropped], [0, 0]);
  ok(failed > 3_000, `${failed} spans`);
});

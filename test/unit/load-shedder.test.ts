import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "../../src/domain/clock.ts";
import { Cors } from "../../src/http/cors.ts";
import { Handler } from "../../src/http/handler.ts";
import { LoadShedder } from "../../src/http/load-shedder.ts";
import { problem } from "../../src/http/reply.ts";
import { RequestLog } from "../../src/http/request-log.ts";
import { Request } from "../../src/http/route.ts";
import { Router } from "../../src/http/router.ts";
import { healthRoutes } from "../../src/http/routes/health.ts";
import { metricsRoute } from "../../src/http/routes/metrics.ts";
import { overviewRoute } from "../../src/http/routes/overview.ts";
import { uiRoutes } from "../../src/http/routes/ui.ts";
import { WebFolder } from "../../src/http/web-files.ts";
import { Writer } from "../../src/http/writer.ts";
import { createMetrics } from "../../src/observe/metrics.ts";
import { testRuntime } from "../support/runtime.ts";

/** A load shedder that refuses everything, and its answers. */
function overloaded() {
  const state = { nowMs: 0, draining: false };
  const clock = { ...systemClock, monotonic: () => state.nowMs };
  const answered: number[] = [];
  const logged: { readonly shed: unknown; readonly gone: boolean }[] = [];
  const handled: number[] = [];
  const metrics = createMetrics({ version: "0", node: "0" });
  const shedder = new LoadShedder({
    admission: { refuses: () => "event_loop", wake: () => undefined },
    refuse: (request, reply) => {
      if (!request.isGone) answered.push(Number(request.id));
      logged.push({ shed: reply.log?.shed, gone: request.isGone });
    },
    isDraining: () => state.draining,
    runtime: { clock, metrics, random: () => 0 },
    bodyBytesMax: 1_000,
  });
  const router = new Router([
    ...healthRoutes({ problem: async () => null, reason: async () => null }),
    metricsRoute({ metrics, monotonic: () => 0 }),
    overviewRoute({ overview: undefined as never, monotonic: () => 0 }),
    ...uiRoutes({ folder: new WebFolder(new URL("file:///nowhere/")) }),
  ]);
  const ask = (id: number, { gone = false, url = "/stats" } = {}) => {
    const raw = {
      url,
      method: "GET",
      headers: {},
      rawHeaders: ["Host", "x"],
      httpVersion: "1.1",
      socket: { destroyed: gone },
      resume: () => undefined,
    };
    const request = new Request({
      raw: raw as never,
      response: { destroyed: false } as never,
      target: router.find(raw as never),
      id: String(id),
      startedMs: state.nowMs,
      context: { isProxy: () => false, isDraining: () => state.draining },
    });
    shedder.admit(request, () => handled.push(id));
  };
  return { state, shedder, answered, logged, handled, ask };
}

test("64 refusals are sent at once, then as many at each tick, the oldest first", () => {
  const { shedder, answered, ask } = overloaded();
  for (let id = 0; id < 200; id++) ask(id);
  equal(answered.length, 64);
  shedder.release();
  equal(answered.length, 128);
  // Those of the previous tick count: no request overtakes another.
  ask(200);
  equal(answered.length, 128);
  equal(shedder.isBusy(), true);
  shedder.release();
  shedder.release();
  equal(shedder.isBusy(), false);
  deepEqual(
    answered,
    Array.from({ length: 201 }, (_, id) => id),
  );
  shedder.release();
  ask(201);
  equal(answered.at(-1), 201);
});

test("a page of a listed origin may read that its read was refused", () => {
  const heads: Readonly<Record<string, unknown>>[] = [];
  const runtime = testRuntime();
  const log = new RequestLog({ runtime, tracing: undefined, logHealth: true });
  const cors = new Cors(["https://dashboard.example"]);
  const handler = new Handler({
    writer: new Writer(log, runtime.random),
    cors,
    auth: undefined as never,
    limiting: undefined as never,
    runtime,
  });
  const writeHead = (_status: number, head: Readonly<Record<string, unknown>>) =>
    void heads.push(head);
  for (const origin of ["https://dashboard.example", "https://other.example"]) {
    const request = new Request({
      raw: {
        url: "/stats",
        method: "GET",
        headers: { origin },
        socket: { destroyed: false },
      } as never,
      response: { destroyed: false, writeHead, end: () => undefined } as never,
      target: new Router([]).find({ method: "GET", url: "/stats", headers: {} }),
      id: "1",
      startedMs: 0,
      context: { isProxy: () => false, isDraining: () => false },
    });
    handler.refuse(request, problem(503, "overloaded"));
  }
  deepEqual(
    heads.map((head) => head["access-control-allow-origin"]),
    ["https://dashboard.example", undefined],
  );
});

test("no refusal is held for longer than a second, however many there are", () => {
  const { state, shedder, answered, ask } = overloaded();
  for (let id = 0; id < 5_000; id++) ask(id);
  state.nowMs = 999;
  shedder.release();
  equal(answered.length, 128);
  state.nowMs = 1_000;
  shedder.release();
  equal(answered.length, 5_000);
});

test("beyond 10,000 held refusals the next one is sent at once", () => {
  const { answered, ask } = overloaded();
  for (let id = 0; id < 64 + 10_000; id++) ask(id);
  equal(answered.length, 64);
  ask(99_999);
  deepEqual([answered.length, answered.at(-1)], [65, 99_999]);
});

test("a service that ends answers the held requests, and holds no more", () => {
  const { state, shedder, answered, ask } = overloaded();
  for (let id = 0; id < 500; id++) ask(id);
  state.draining = true;
  shedder.releaseAll();
  equal(answered.length, 500);
  for (let id = 500; id < 700; id++) ask(id);
  equal(answered.length, 700);
});

test("a client that disconnected while it was held is logged as such, once", () => {
  const { shedder, answered, logged, ask } = overloaded();
  for (let id = 0; id < 64; id++) ask(id);
  ask(64, { gone: true });
  shedder.release();
  equal(answered.length, 64);
  deepEqual(
    logged.map(({ gone }) => gone),
    [...Array(64).fill(false), true],
  );
});

test("health checks and scrapes are admitted at a bounded rate, and a flood of one kind does not delay the other", () => {
  const { shedder, answered, handled, ask } = overloaded();
  for (let id = 0; id < 100; id++) ask(id, { url: "/metrics" });
  equal(handled.length, 8);
  ask(1_000, { url: "/health/live" });
  equal(handled.at(-1), 1_000);
  shedder.release();
  deepEqual([handled.length, handled.at(-1)], [17, 15]);
  // Not before those that wait.
  ask(1_001, { url: "/metrics" });
  equal(handled.length, 17);
  for (let look = 0; look < 11; look++) shedder.release();
  deepEqual([handled.length, handled.at(-1), answered.length], [102, 1_001, 0]);
});

test("the files of the dashboard and the overview are admitted at a bounded rate of their own", () => {
  const { shedder, handled, answered, ask } = overloaded();
  const urls = ["/ui/", "/ui/assets/x.js", "/overview"];
  for (let id = 0; id < 20; id++) ask(id, { url: urls[id % 3] ?? "" });
  equal(handled.length, 8);
  ask(1_000, { url: "/health/live" });
  ask(1_001, { url: "/metrics" });
  deepEqual(handled.slice(8), [1_000, 1_001]);
  shedder.release();
  deepEqual([handled.length, answered.length], [18, 0]);
  shedder.releaseAll();
  deepEqual([handled.length, answered.length], [22, 0]);
});

test("of a flood of health checks some wait, the others are refused like all requests", () => {
  const { shedder, answered, handled, logged, ask } = overloaded();
  for (let id = 0; id < 3_000; id++) ask(id, { url: "/health/ready" });
  deepEqual([handled.length, answered.length], [32, 64]);
  equal(shedder.isBusy(), true);
  shedder.releaseAll();
  equal(shedder.isBusy(), false);
  deepEqual([handled.length, answered.length], [2_032, 968]);
  deepEqual(new Set(logged.map(({ shed }) => shed)), new Set(["probes"]));
});

test("a health check whose client disconnected while it waited is not handled, and has its log line", () => {
  const { shedder, handled, logged, ask } = overloaded();
  for (let id = 0; id < 32; id++) ask(id, { url: "/livez" });
  ask(32, { url: "/livez", gone: true });
  shedder.release();
  deepEqual([handled.length, logged.map(({ gone }) => gone)], [32, [true]]);
});

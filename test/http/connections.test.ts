import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Readiness } from "../../src/http/readiness.ts";
import { bareServer } from "../support/bare-server.ts";
import { scrape } from "../support/client.ts";
import { RawConnection, rawRequest } from "../support/raw-http.ts";
import { someWithin } from "../support/some-within.ts";

const LIVE = rawRequest("GET /health/live HTTP/1.1", ["Host: x"]);
const READY = rawRequest("GET /health/ready HTTP/1.1", ["Host: x"]);

/** A readiness whose answer the test controls. */
function heldReadiness() {
  const waiting: (() => void)[] = [];
  const readiness: Pick<Readiness, "problem" | "reason"> = {
    reason: async () => null,
    problem: () => new Promise((resolve) => waiting.push(() => resolve(null))),
  };
  const release = () => {
    for (const resolve of waiting.splice(0)) resolve();
  };
  return { readiness, waiting, release };
}

async function silent(
  port: number,
  count: number,
  opened: AsyncDisposableStack,
): Promise<RawConnection[]> {
  const connections = [];
  for (let at = 0; at < count; at++) connections.push(opened.use(await RawConnection.open(port)));
  return connections;
}

test("however many silent connections one address has, its probe is answered, and the oldest are closed", async () => {
  await using server = await bareServer({ connectionsMax: 40 });
  await using opened = new AsyncDisposableStack();
  const [first] = await silent(server.port, 200, opened);
  for (let at = 0; at < 20; at++) {
    await using probe = await RawConnection.open(server.port);
    await probe.write(LIVE);
    equal((await probe.answered(1))[0]?.status, 200);
  }
  await first?.ending();
  const metrics = await scrape(server);
  const value = (name: string) => Number(new RegExp(`^${name} (\\d+)$`, "m").exec(metrics)?.[1]);
  ok(value("connections_open") <= 40, `${value("connections_open")} are open`);
  ok(
    value("connections_refused_total") >= 160,
    `${value("connections_refused_total")} were closed`,
  );
  const [line] = server.lines.filter(({ connections_max }) => connections_max !== undefined);
  deepEqual([line?.level, line?.connections_max], ["WARNING", 40]);
});

test("a connection with a request under way is not closed for a new one, one between two requests is", async () => {
  const { readiness, waiting, release } = heldReadiness();
  await using server = await bareServer({
    connectionsMax: 10,
    readiness,
    trustProxy: ["loopback"],
  });
  await using opened = new AsyncDisposableStack();
  const busy = await silent(server.port, 8, opened);
  for (const connection of busy) await connection.write(READY);
  while (waiting.length < busy.length) await sleep(5);
  await using idle = await RawConnection.open(server.port);
  await idle.write(LIVE);
  equal((await idle.answered(1))[0]?.status, 200);
  await using next = await RawConnection.open(server.port);
  equal(await idle.ending(), "closed");
  await next.write(LIVE);
  equal((await next.answered(1))[0]?.status, 200);
  release();
  for (const connection of busy) equal((await connection.answered(1))[0]?.status, 200);
});

test("clients that hold back their bodies keep neither probes nor honest clients out", async () => {
  await using server = await bareServer({ connectionsMax: 40 });
  await using opened = new AsyncDisposableStack();
  const half = rawRequest("POST /webhook HTTP/1.1", ["Host: x", "Content-Length: 1"]);
  const attack = async () => {
    const connection = opened.use(await RawConnection.open(server.port));
    await connection.write(half);
  };
  for (let at = 0; at < 60; at++) await attack();
  for (let at = 0; at < 20; at++) {
    await using probe = await RawConnection.open(server.port);
    // Others come before it has sent anything, and they are closed instead.
    await Promise.all([attack(), attack(), attack()]);
    await probe.write(LIVE);
    equal((await probe.answered(1))[0]?.status, 200);
  }
});

test("one address has three quarters of the connections at most, with requests under way on all of them", async () => {
  const { readiness, waiting, release } = heldReadiness();
  await using server = await bareServer({ connectionsMax: 8, readiness });
  await using opened = new AsyncDisposableStack();
  const busy = await silent(server.port, 6, opened);
  for (const connection of busy) await connection.write(READY);
  while (waiting.length < busy.length) await sleep(5);
  await using seventh = await RawConnection.open(server.port);
  await rejects(async () => {
    await seventh.write(LIVE);
    await seventh.answered(1);
  });
  await using other = await fetchFrom("127.0.0.2", server.port);
  equal((await other.answered(1))[0]?.status, 200);
  release();
  for (const connection of busy) equal((await connection.answered(1))[0]?.status, 200);
});

test("a trusted proxy may have all connections", async () => {
  const { readiness, waiting, release } = heldReadiness();
  await using server = await bareServer({
    connectionsMax: 8,
    readiness,
    trustProxy: ["127.0.0.0/8"],
  });
  await using opened = new AsyncDisposableStack();
  const busy = await silent(server.port, 7, opened);
  for (const connection of busy) await connection.write(READY);
  while (waiting.length < busy.length) await sleep(5);
  release();
  for (const connection of busy) equal((await connection.answered(1))[0]?.status, 200);
});

test("16 requests of one connection are handled at a time, and all are answered in order", async () => {
  const { readiness, waiting, release } = heldReadiness();
  await using server = await bareServer({ readiness });
  await using connection = await RawConnection.open(server.port);
  const kinds = Array.from({ length: 200 }, (_, at) => (at % 3 === 0 ? LIVE : READY));
  await connection.write(Buffer.concat(kinds));
  let most = 0;
  while (connection.answers().length < kinds.length) {
    await sleep(2);
    most = Math.max(most, waiting.length);
    release();
  }
  ok(most > 8 && most <= 16, `${most} at a time`);
  deepEqual(
    (await connection.answered(kinds.length)).map(({ body }) => body),
    kinds.map((kind) => (kind === LIVE ? '{"status":"alive"}' : '{"status":"ready"}')),
  );
});

test("after 256 unanswered requests the next one is refused, and the connection is closed after that answer", async () => {
  const { readiness, waiting, release } = heldReadiness();
  await using server = await bareServer({ readiness });
  await using connection = await RawConnection.open(server.port);
  await connection.write(Buffer.concat(Array.from({ length: 1_500 }, () => READY)));
  while (waiting.length < 16) await sleep(5);
  const releasing = setInterval(release, 1);
  await connection.ending();
  clearInterval(releasing);
  const answers = connection.answers();
  deepEqual(
    answers.map(({ status }) => status),
    [...Array(256).fill(200), 503],
  );
  const last = answers.at(-1);
  deepEqual(
    [last?.headers.get("connection"), last?.headers.get("retry-after")?.length, last?.body],
    [["close"], 1, '{"detail":"overloaded"}'],
  );
  const metrics = await scrape(server);
  ok(metrics.includes('requests_shed_total{reason="pipelined"} 1\n'));
  equal(server.lines.filter(({ shed }) => shed === "pipelined").length, 1);
});

test("a client that leaves many requests behind leaves a log line for each, and none under way", async () => {
  await someWithin(400, async () => {
    const { readiness, waiting, release } = heldReadiness();
    await using server = await bareServer({ readiness });
    const connection = await RawConnection.open(server.port);
    await connection.write(Buffer.concat(Array.from({ length: 100 }, () => READY)));
    while (waiting.length < 16) await sleep(5);
    connection.abort();
    const lines = () => server.lines.filter(({ path }) => path === "/health/ready");
    const deadline = AbortSignal.timeout(5_000);
    while (lines().length < 100) {
      await sleep(5);
      deadline.throwIfAborted();
    }
    release();
    deepEqual(new Set(lines().map(({ status }) => status)), new Set([499]));
    const startMs = performance.now();
    await server[Symbol.asyncDispose]();
    // Otherwise the end would wait for requests that are gone.
    const tookMs = performance.now() - startMs;
    equal(lines().length, 100);
    return tookMs;
  });
});

async function fetchFrom(localAddress: string, port: number): Promise<RawConnection> {
  const connection = await RawConnection.open(port, { localAddress });
  await connection.write(LIVE);
  return connection;
}

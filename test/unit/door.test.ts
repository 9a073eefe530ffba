import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "../../src/domain/clock.ts";
import { Access, type ShedRequest } from "../../src/http/access.ts";
import { Cors } from "../../src/http/cors.ts";
import { Door } from "../../src/http/door.ts";
import { createLog } from "../../src/observe/log.ts";
import { createMetrics } from "../../src/observe/metrics.ts";

/** A door that refuses everything, and what has left by it. */
function closedDoor() {
  const state = { nowMs: 0, draining: false };
  const clock = { ...systemClock, monotonic: () => state.nowMs };
  const answered: number[] = [];
  const logged: ShedRequest[] = [];
  const heads: Readonly<Record<string, unknown>>[] = [];
  const handled: number[] = [];
  const metrics = createMetrics({ version: "0", node: "0" });
  const log = createLog({ level: "INFO", destination: { write: () => undefined }, now: () => 0 });
  const access = new Access({ clock, log, metrics, newId: () => "new" });
  access.shed = (_request, shed) => void logged.push(shed);
  access.draining = () => state.draining;
  const door = new Door({
    overload: { refuses: () => "event_loop" },
    access,
    clock,
    metrics,
    cors: new Cors({ corsOrigins: ["https://dashboard.example"], methodsOf: () => [] }),
    newId: () => "new",
    random: () => 0,
    bodyBytesMax: 1_000,
  });
  const ask = (id: number, { gone = false, url = "/stats", headers = {} } = {}) => {
    const request = {
      url,
      method: "GET",
      headers,
      rawHeaders: ["Host", "x"],
      httpVersion: "1.1",
      socket: { destroyed: gone },
      resume: () => undefined,
    };
    const response = { destroyed: false, end: () => answered.push(id) };
    const writeHead = (_status: number, head: Readonly<Record<string, unknown>>) => void heads.push(head);
    door.admit(request as never, { ...response, writeHead } as never, () => handled.push(id));
  };
  return { state, door, answered, logged, heads, handled, ask };
}

test("64 refusals leave at once, then as many with each look, the oldest first", () => {
  const { door, answered, ask } = closedDoor();
  for (let id = 0; id < 200; id++) ask(id);
  equal(answered.length, 64);
  door.release();
  equal(answered.length, 128);
  // Those of the look before are counted: nobody overtakes.
  ask(200);
  equal(answered.length, 128);
  door.release();
  door.release();
  deepEqual(
    answered,
    Array.from({ length: 201 }, (_, id) => id),
  );
  door.release();
  ask(201);
  equal(answered.at(-1), 201);
});

test("a page of a listed origin may read that its read was refused", () => {
  const { heads, ask } = closedDoor();
  ask(0, { headers: { origin: "https://dashboard.example" } });
  ask(1, { headers: { origin: "https://other.example" } });
  deepEqual(
    heads.map((head) => head["access-control-allow-origin"]),
    ["https://dashboard.example", undefined],
  );
});

test("nobody is held for longer than a second, however many there are", () => {
  const { state, door, answered, ask } = closedDoor();
  for (let id = 0; id < 5_000; id++) ask(id);
  state.nowMs = 999;
  door.release();
  equal(answered.length, 128);
  state.nowMs = 1_000;
  door.release();
  equal(answered.length, 5_000);
});

test("past 10,000 that are held the next is refused at once", () => {
  const { answered, ask } = closedDoor();
  for (let id = 0; id < 64 + 10_000; id++) ask(id);
  equal(answered.length, 64);
  ask(99_999);
  deepEqual([answered.length, answered.at(-1)], [65, 99_999]);
});

test("a service that ends answers what it holds, and holds nothing more", () => {
  const { state, door, answered, ask } = closedDoor();
  for (let id = 0; id < 500; id++) ask(id);
  state.draining = true;
  door.releaseAll();
  equal(answered.length, 500);
  for (let id = 500; id < 700; id++) ask(id);
  equal(answered.length, 700);
});

test("who has gone away while it was held is told as that, once", () => {
  const { door, answered, logged, ask } = closedDoor();
  for (let id = 0; id < 64; id++) ask(id);
  ask(64, { gone: true });
  door.release();
  equal(answered.length, 64);
  deepEqual(
    logged.map(({ status }) => status),
    [...Array(64).fill(503), 499],
  );
});

test("health checks and scrapes are let in at a bounded rate, and a flood of one kind does not delay the other", () => {
  const { door, answered, handled, ask } = closedDoor();
  for (let id = 0; id < 100; id++) ask(id, { url: "/metrics" });
  equal(handled.length, 8);
  ask(1_000, { url: "/health/live" });
  equal(handled.at(-1), 1_000);
  door.release();
  deepEqual([handled.length, handled.at(-1)], [17, 15]);
  // Not before those that wait.
  ask(1_001, { url: "/metrics" });
  equal(handled.length, 17);
  for (let look = 0; look < 11; look++) door.release();
  deepEqual([handled.length, handled.at(-1), answered.length], [102, 1_001, 0]);
});

test("of a flood of health checks some wait, the others are refused like anything else", () => {
  const { door, answered, handled, logged, ask } = closedDoor();
  for (let id = 0; id < 3_000; id++) ask(id, { url: "/health/ready" });
  deepEqual([handled.length, answered.length], [32, 64]);
  door.releaseAll();
  deepEqual([handled.length, answered.length], [2_032, 968]);
  deepEqual(new Set(logged.map(({ shed }) => shed)), new Set(["probes"]));
});

test("a health check whose client went away while it waited is not handled, and has its log line", () => {
  const { door, handled, logged, ask } = closedDoor();
  for (let id = 0; id < 32; id++) ask(id, { url: "/livez" });
  ask(32, { url: "/livez", gone: true });
  door.release();
  deepEqual([handled.length, logged.map(({ status }) => status)], [32, [499]]);
});

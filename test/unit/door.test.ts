import { deepEqual, equal, ok } from "node:assert/strict";
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
  const metrics = createMetrics({ version: "0", node: "0" });
  const log = createLog({ level: "INFO", destination: { write: () => undefined }, now: () => 0 });
  const access = new Access({ clock, log, metrics, newId: () => "new" });
  access.shed = (_request, shed) => void logged.push(shed);
  access.draining = () => state.draining;
  const door = new Door({
    overload: { refuses: () => "event_loop" },
    ...{ access, clock, metrics, cors: new Cors({ corsOrigins: [], methodsOf: () => [] }) },
    ...{ newId: () => "new", random: () => 0, bodyBytesMax: 1_000 },
  });
  const ask = (id: number, { gone = false } = {}) => {
    const request = {
      ...{ url: "/stats", method: "GET", headers: {}, rawHeaders: ["Host", "x"], httpVersion: "1.1" },
      ...{ socket: { destroyed: gone }, resume: () => undefined },
    };
    const response = { destroyed: false, writeHead: () => undefined, end: () => answered.push(id) };
    ok(door.refuses(request as never, response as never));
  };
  return { state, door, answered, logged, ask };
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

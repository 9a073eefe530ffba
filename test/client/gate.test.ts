import { deepEqual, equal, rejects } from "node:assert/strict";
import { getEventListeners } from "node:events";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { Gate } from "../../client/gate.ts";

/** No test waits for it, unless something is broken. */
const LONG_MS = 5_000;
const SHORT_MS = 5;
const WAITING_MAX = 100_000;

/** Lets `name` in, and notes it in `entered` when it is. */
function enter(gate: Gate, entered: string[], name: string, signal?: AbortSignal): Promise<void> {
  return gate.enter(LONG_MS, signal).then(() => void entered.push(name));
}

test("as many enter at once as there are places, the others in turn, one for each that leaves", async () => {
  const gate = new Gate(2);
  const entered: string[] = [];
  const all = Promise.all(["a", "b", "c", "d"].map((name) => enter(gate, entered, name)));
  await setImmediate();
  deepEqual(entered, ["a", "b"]);
  gate.leave();
  await setImmediate();
  deepEqual(entered, ["a", "b", "c"]);
  gate.leave();
  await all;
  deepEqual(entered, ["a", "b", "c", "d"]);
});

test("a place that is left without a successor is free for the next one, and only for one", async () => {
  const gate = new Gate(1);
  const entered: string[] = [];
  await enter(gate, entered, "a");
  gate.leave();
  await enter(gate, entered, "b");
  const last = enter(gate, entered, "c");
  await setImmediate();
  deepEqual(entered, ["a", "b"]);
  gate.leave();
  await last;
});

test("a wait that ends at its deadline or by its signal takes no place", async () => {
  const gate = new Gate(1);
  const entered: string[] = [];
  await enter(gate, entered, "a");
  const controller = new AbortController();
  const aborted = enter(gate, entered, "b", controller.signal);
  const late = gate.enter(SHORT_MS, controller.signal);
  const last = enter(gate, entered, "c", controller.signal);
  await rejects(late, {
    kind: "timeout",
    message: "the request did not get its turn before the deadline",
  });
  gate.leave();
  await setImmediate();
  deepEqual(entered, ["a", "b"]);
  await aborted;
  controller.abort(new Error("enough"));
  await rejects(last, { kind: "aborted", cause: new Error("enough") });
  gate.leave();
  await enter(gate, entered, "d");
  deepEqual(entered, ["a", "b", "d"]);
});

const timers = () =>
  process.getActiveResourcesInfo().filter((resource) => resource === "Timeout").length;

test("a wait that ended leaves no timer, and no listener at the caller's signal", async () => {
  const before = timers();
  const gate = new Gate(1);
  const { signal } = new AbortController();
  await gate.enter(LONG_MS, signal);
  const next = gate.enter(LONG_MS, signal);
  const late = gate.enter(SHORT_MS, signal);
  equal(getEventListeners(signal, "abort").length, 2);
  equal(timers(), before + 2);
  gate.leave();
  await next;
  await rejects(late, { kind: "timeout" });
  equal(getEventListeners(signal, "abort").length, 0);
  equal(timers(), before);
});

test("at most 100,000 requests wait: the next one is refused and told why", async () => {
  const gate = new Gate(1);
  await gate.enter(LONG_MS, undefined);
  const waiting = Array.from({ length: WAITING_MAX }, () => gate.enter(SHORT_MS, undefined));
  await rejects(gate.enter(LONG_MS, undefined), {
    kind: "usage",
    message:
      "more than 100000 requests of this client wait for their turn; " +
      "sendMany() takes no more messages than it can send",
  });
  await Promise.allSettled(waiting);
});

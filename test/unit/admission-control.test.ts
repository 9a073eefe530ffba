import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { AdmissionControl } from "../../src/http/admission-control.ts";

const LOOK_MS = 20;
const MANY = 1_000;

/** An admission control that gets the given delays at each tick of 20 ms. */
function watched() {
  const state = { nowMs: 0, queueDelayMs: 0, queueRows: MANY };
  const admission = new AdmissionControl({
    queueDelayMs: () => state.queueDelayMs,
    queueRows: () => state.queueRows,
  });
  return {
    state,
    admission,
    /** Ticks for this many milliseconds, with the loop late by `loopDelayMs` each time. */
    pass: (ms: number, loopDelayMs: number, queueDelayMs = 0) => {
      state.queueDelayMs = queueDelayMs;
      for (const endMs = state.nowMs + ms; state.nowMs < endMs; ) {
        state.nowMs += LOOK_MS + loopDelayMs;
        admission.tick(state.nowMs, loopDelayMs);
      }
    },
    /**
     * The share of a thousand requests that is refused, without the first 200 between two ticks,
     * and why.
     */
    refused: () => {
      for (let at = 0; at < 200; at++) admission.refuses();
      const reasons = Array.from({ length: 1_000 }, () => admission.refuses()).filter(
        (reason) => reason !== undefined,
      );
      return { share: reasons.length / 1_000, reasons: [...new Set(reasons)] };
    },
  };
}

test("nothing is refused while the loop and the queue are in time", () => {
  const { pass, refused } = watched();
  pass(10_000, 29, 95);
  deepEqual(refused(), { share: 0, reasons: [] });
});

test("a burst that ends within half a second refuses nothing, however often it occurs", () => {
  const { pass, refused } = watched();
  for (let burst = 0; burst < 20; burst++) {
    pass(480, 60);
    deepEqual(refused().share, 0);
    pass(100, 5);
  }
  // One long pause, such as a garbage collection.
  pass(20, 900);
  deepEqual(refused().share, 0);
});

test("pauses of the machine between ticks in time refuse nothing, however long they continue", () => {
  const { pass, refused } = watched();
  for (let pause = 0; pause < 100; pause++) {
    pass(1, 300);
    pass(1, 10);
  }
  deepEqual(refused().share, 0);
});

test("a loop and a queue that stay late refuse a share, each under its own name", () => {
  const loop = watched();
  loop.pass(1_500, 100);
  deepEqual(loop.refused().reasons, ["event_loop"]);
  const queue = watched();
  queue.pass(1_000, 0, 300);
  deepEqual(queue.refused().reasons, ["queue_age"]);
});

test("a late queue refuses messages only, a late loop reads too", () => {
  const queue = watched();
  queue.pass(5_000, 0, 1_000);
  equal(queue.refused().share > 0.9, true);
  equal(
    Array.from({ length: MANY }, () => queue.admission.refuses(false)).every(
      (reason) => reason === undefined,
    ),
    true,
  );
  const loop = watched();
  loop.pass(5_000, 100, 1_000);
  equal(
    Array.from({ length: MANY }, () => loop.admission.refuses(false)).includes("event_loop"),
    true,
  );
});

test("the longer and the later, the more is refused, but never everything", () => {
  const { pass, refused } = watched();
  pass(1_000, 36);
  const little = refused().share;
  pass(600, 36);
  const more = refused().share;
  pass(60_000, 1_000);
  const most = refused().share;
  ok(0 < little && little < more && more < most, `${little} ${more} ${most}`);
  ok(most > 0.97 && most < 0.99, `${most}`);
});

test("a second after the overload everything is admitted again", () => {
  const { pass, refused } = watched();
  pass(10_000, 1_000);
  pass(1_000, 0);
  deepEqual(refused().share, 0);
});

test("few requests between two ticks are admitted, because they do not make the loop late", () => {
  const { pass, admission } = watched();
  pass(60_000, 1_000);
  const first = Array.from({ length: 120 }, () => admission.refuses());
  deepEqual(first, [...Array(100).fill(undefined), ...Array(20).fill("event_loop")]);
  pass(1, 1_000);
  equal(admission.refuses(), undefined);
});

test("few messages in the queue are admitted, however long they wait", () => {
  const { pass, state, refused } = watched();
  pass(10_000, 0, 5_000);
  state.queueRows = 127;
  deepEqual(refused().share, 0);
  state.queueRows = 128;
  ok(refused().share > 0.9);
});

test("the admitted share settles where the loop is at its target delay", () => {
  // Waiting requests make the loop late: 1.5 ms for each hundredth that is admitted, five times its
  // capacity in 30 ms.
  const { admission, state, refused } = watched();
  let share = 1;
  for (let turn = 0; turn < 300; turn++) {
    const loopDelayMs = 150 * share;
    state.nowMs += LOOK_MS + loopDelayMs;
    admission.tick(state.nowMs, loopDelayMs);
    share = 1 - refused().share;
  }
  ok(share > 0.17 && share < 0.23, `${share}`);
});

/** An admission control that watches a loop with this delay, by a clock of its own. */
function watching(loopDelayMs: number) {
  const admission = new AdmissionControl({ queueDelayMs: () => 0, queueRows: () => 0 });
  const stopping = new AbortController();
  const state = { nowMs: 0, ticks: 0, busy: false, loopDelayMs };
  const clock = {
    now: () => 0,
    monotonic: () => state.nowMs,
    sleep: async (ms: number) => {
      await nextTurn();
      state.nowMs += ms + state.loopDelayMs;
    },
  };
  const ticked = () => {
    state.ticks++;
    return state.busy;
  };
  const watched = admission.watch(clock, stopping.signal, ticked);
  const turns = async (count: number) => {
    for (let at = 0; at < count; at++) await nextTurn();
  };
  const stop = () => {
    stopping.abort();
    return watched;
  };
  return { admission, state, turns, stop };
}

test("the ticks stop while no request is under way, and continue with the next one", async () => {
  const { admission, state, turns, stop } = watching(0);
  await turns(100);
  equal(state.ticks, 1);
  state.busy = true;
  admission.wake();
  await turns(100);
  ok(state.ticks > 30, `${state.ticks}`);
  state.busy = false;
  await turns(100);
  const before = state.ticks;
  await turns(100);
  equal(state.ticks, before);
  await stop();
});

test("the ticks continue without requests until nothing is refused any more", async () => {
  const { admission, state, turns, stop } = watching(1_000);
  state.busy = true;
  await turns(50);
  for (let at = 0; at < 200; at++) admission.refuses();
  equal(admission.refuses(), "event_loop");
  state.busy = false;
  state.loopDelayMs = 0;
  await turns(1_000);
  const before = state.ticks;
  await turns(100);
  equal(state.ticks, before);
  const reasons = Array.from({ length: MANY }, () => admission.refuses());
  ok(reasons.every((reason) => reason === undefined));
  await stop();
});

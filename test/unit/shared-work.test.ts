import { deepEqual, equal, rejects } from "node:assert/strict";
import { test } from "node:test";
import { SharedWork } from "../../src/observe/shared-work.ts";

/** Counts its runs; each ends when the test says. */
function counted() {
  const state = { nowMs: 0, runs: 0, fails: false };
  const ends: (() => void)[] = [];
  const shared = new SharedWork({
    monotonic: () => state.nowMs,
    work: async () => {
      const text = String(++state.runs);
      await new Promise<void>((resolve) => ends.push(resolve));
      if (state.fails) throw new Error("no");
      return text;
    },
  });
  const end = async () => {
    for (const resolve of ends.splice(0)) resolve();
  };
  const get = async () => {
    const text = shared.get().then(String);
    await end();
    return text;
  };
  return { state, shared, end, get };
}

test("all requests during a run share it", async () => {
  const { state, shared, end } = counted();
  const asked = Array.from({ length: 1_000 }, () => shared.get());
  await end();
  deepEqual(new Set((await Promise.all(asked)).map(String)), new Set(["1"]));
  equal(state.runs, 1);
});

test("after a few runs at once the latest text is repeated until a second has passed", async () => {
  const { state, get } = counted();
  for (let at = 0; at < 100; at++) await get();
  equal(state.runs, 4);
  for (let second = 1; second <= 10; second++) {
    state.nowMs = second * 1_000;
    for (let at = 0; at < 100; at++) await get();
    equal(state.runs, 4 + second);
  }
  state.nowMs = 60_000;
  equal(await get(), "15");
});

test("a failed run is not kept, and the next one is tried", async () => {
  const { state, get } = counted();
  state.fails = true;
  await rejects(get());
  state.fails = false;
  equal(await get(), "2");
});

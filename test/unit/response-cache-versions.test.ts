import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { array, assert, asyncProperty, constantFrom } from "fast-check";
import { ResponseCache } from "../../src/cache/response-cache.ts";
import { WriteTracker } from "../../src/cache/write-tracker.ts";
import type { CacheResult } from "../../src/runtime.ts";
import { propertyRuns } from "../support/property-runs.ts";

const TTL_MS = 1_000;
const stays = () => new AbortController().signal;

/** A cache over a number that this process and others write, each time with a new version. */
function cacheOver() {
  const state = { nowMs: 5_000, stored: 0, isKnown: true, asked: 0, afterVersion: () => {} };
  const clock = { monotonic: () => state.nowMs };
  const writes = new WriteTracker(clock);
  const sources: CacheResult[] = [];
  const cache = new ResponseCache(clock, {
    ttlMs: TTL_MS,
    writes,
    count: (source) => sources.push(source),
    dataVersion: async () => {
      state.asked++;
      const version = state.isKnown ? `version ${state.stored}` : undefined;
      state.afterVersion();
      return version;
    },
  });
  const set = (value: number) => {
    state.stored = value;
  };
  const read = async () => String(state.stored);
  return {
    state,
    sources,
    set,
    pass: (ms: number) => {
      state.nowMs += ms;
    },
    write: (value: number) =>
      writes.during(
        async () => set(value),
        () => true,
      ),
    ask: async (reading = read, question = "q") =>
      (await cache.getOrRead([question], reading, stays)).text,
  };
}

test("after its time to live a response is served again, as long as no process has written", async () => {
  const { ask, pass, set, sources } = cacheOver();
  for (let round = 0; round < 3; round++) {
    pass(TTL_MS);
    equal(await ask(), "0");
  }
  set(1);
  pass(TTL_MS - 1);
  equal(await ask(), "0");
  pass(1);
  equal(await ask(), "1");
  deepEqual(sources, ["miss", "hit", "hit", "hit", "miss"]);
});

test("a write of another process during a read is not missed later", async () => {
  const { ask, pass, set } = cacheOver();
  pass(TTL_MS);
  const text = await ask(async () => {
    set(1);
    return "0";
  });
  equal(text, "0");
  pass(TTL_MS);
  equal(await ask(), "1");
});

test("a response whose read began without a known version is read again", async () => {
  const { state, ask, pass, sources } = cacheOver();
  state.isKnown = false;
  pass(TTL_MS);
  await ask();
  pass(TTL_MS);
  await ask();
  state.isKnown = true;
  pass(TTL_MS);
  await ask();
  pass(TTL_MS);
  await ask();
  deepEqual(sources, ["miss", "miss", "miss", "hit"]);
});

test("within the time to live after a write of this process no version is asked for", async () => {
  const { state, ask, pass, write, sources } = cacheOver();
  pass(TTL_MS);
  await ask();
  await write(1);
  equal(await ask(), "1");
  pass(TTL_MS - 1);
  equal(await ask(), "1");
  equal(state.asked, 1);
  pass(1);
  equal(await ask(), "1");
  equal(state.asked, 2);
  deepEqual(sources, ["miss", "miss", "hit", "miss"]);
});

test("the time of a version counts from the start of the question, and a write during it is not missed later", async () => {
  const { state, ask, pass, set, sources } = cacheOver();
  pass(TTL_MS);
  await ask();
  pass(TTL_MS);
  state.afterVersion = () => {
    set(1);
    pass(TTL_MS - 1);
  };
  equal(await ask(), "0");
  state.afterVersion = () => {};
  pass(1);
  equal(await ask(), "1");
  deepEqual(sources, ["miss", "hit", "miss"]);
});

test("one question for the version serves all requests within the time to live", async () => {
  const { state, ask, pass, set, sources } = cacheOver();
  const askAll = async () => {
    const texts: string[] = [];
    for (const question of ["a", "b", "c"]) texts.push(await ask(undefined, question));
    return texts;
  };
  pass(TTL_MS);
  await askAll();
  pass(TTL_MS);
  deepEqual(await askAll(), ["0", "0", "0"]);
  equal(state.asked, 2);
  set(1);
  pass(TTL_MS - 1);
  deepEqual(await askAll(), ["0", "0", "0"]);
  pass(1);
  deepEqual(await askAll(), ["1", "1", "1"]);
  equal(state.asked, 3);
  const three = (source: CacheResult) => Array(3).fill(source);
  deepEqual(sources, [...three("miss"), ...three("hit"), ...three("hit"), ...three("miss")]);
});

test("a read that takes longer than the time to live is served again, too", async () => {
  const { ask, pass, sources } = cacheOver();
  pass(TTL_MS);
  const slow = async () => {
    pass(2 * TTL_MS);
    return "slow";
  };
  await ask(slow);
  equal(await ask(), "slow");
  deepEqual(sources, ["miss", "hit"]);
});

/** What may happen, in any order: requests, writes of both kinds, and time. */
const EVENTS = [
  "ask a",
  "ask b",
  "forget",
  "write here",
  "write elsewhere",
  "pass half",
  "pass all",
] as const;

test("no response misses a write of this process, or one that another made longer ago than the time to live", async () => {
  await assert(
    asyncProperty(array(constantFrom(...EVENTS), { maxLength: 80 }), async (events) => {
      const { state, ask, pass, set, write } = cacheOver();
      let [value, least] = [0, 0];
      const elsewhere: { readonly value: number; readonly atMs: number }[] = [];
      for (const event of events) {
        state.isKnown = event !== "forget";
        if (event === "pass half") pass(TTL_MS / 2);
        if (event === "pass all") pass(TTL_MS);
        if (event === "write here") {
          least = ++value;
          await write(least);
        }
        if (event === "write elsewhere") {
          set(++value);
          elsewhere.push({ value, atMs: state.nowMs });
        }
        if (event !== "ask a" && event !== "ask b" && event !== "forget") continue;
        for (const past of elsewhere)
          if (state.nowMs - past.atMs >= TTL_MS) least = Math.max(least, past.value);
        const seen = Number(await ask(undefined, event));
        ok(seen >= least, `${seen} was answered where ${least} must be seen`);
      }
    }),
    { numRuns: propertyRuns(500) },
  );
});

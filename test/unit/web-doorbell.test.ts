import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { Doorbell, type Ring } from "../../web/live/doorbell.ts";

/** A clock, one timer and a window that a test moves by hand. */
function world(restPerAnswer?: number) {
  let now = 0;
  let timer: { readonly at: number; readonly run: () => void } | undefined;
  const asked: number[] = [];
  let answer: (ring: Ring) => void = () => undefined;
  const state = { isVisible: true, isQuiet: false, aborted: 0 };
  const bell = new Doorbell(
    {
      now: () => now,
      after: (ms, run) => {
        const made = { at: now + ms, run };
        timer = made;
        return () => {
          if (timer === made) timer = undefined;
        };
      },
      isVisible: () => state.isVisible,
      isQuiet: () => state.isQuiet,
    },
    (signal) => {
      asked.push(now);
      signal.addEventListener("abort", () => state.aborted++);
      return new Promise((resolve) => {
        answer = resolve;
      });
    },
    undefined,
    restPerAnswer,
  );
  const pass = (ms: number) => {
    const end = now + ms;
    if (timer !== undefined && timer.at <= end) {
      now = timer.at;
      const { run } = timer;
      timer = undefined;
      run();
    }
    now = end;
  };
  const reply = async (ring: Ring, tookMs = 10) => {
    now += tookMs;
    answer(ring);
    await new Promise(setImmediate);
  };
  return { bell, pass, reply, asked, state, rest: () => bell.nextAt - now };
}

test("it asks at once, then 2 s after each answer", async () => {
  const { bell, pass, reply, asked } = world();
  bell.start();
  await reply({ kind: "answered" });
  pass(1_999);
  deepEqual(asked, [0]);
  pass(1);
  deepEqual(asked, [0, 2_010]);
});

test("while nothing happens it asks 5 s after each answer", async () => {
  const { bell, pass, reply, asked, state } = world();
  bell.start();
  state.isQuiet = true;
  await reply({ kind: "answered" });
  pass(4_999);
  equal(asked.length, 1);
  pass(1);
  deepEqual(asked, [0, 5_010]);
});

test("when the quiet ends it asks at once, or 2 s after the last answer", async () => {
  const { bell, pass, reply, asked, state } = world();
  bell.start();
  state.isQuiet = true;
  await reply({ kind: "answered" });
  pass(500);
  state.isQuiet = false;
  bell.look();
  pass(1_499);
  equal(asked.length, 1);
  pass(1);
  deepEqual(asked, [0, 2_010]);
  state.isQuiet = true;
  await reply({ kind: "answered" });
  pass(3_000);
  state.isQuiet = false;
  bell.look();
  pass(0);
  deepEqual(asked, [0, 2_010, 5_020]);
});

test("an answer that is on its way when the quiet ends is not asked for again", async () => {
  const { bell, pass, reply, asked, state } = world();
  bell.start();
  bell.look();
  pass(10_000);
  equal(asked.length, 1);
  await reply({ kind: "answered" }, 0);
  equal(state.aborted, 0);
});

test("a slow answer is followed by a rest of 20 times its duration", async () => {
  const { bell, pass, reply, asked } = world();
  bell.start();
  await reply({ kind: "answered" }, 500);
  pass(9_999);
  equal(asked.length, 1);
  pass(1);
  deepEqual(asked, [0, 10_500]);
});

test("what is cheap for the service has its interval after slow answers too", async () => {
  const { bell, reply, rest } = world(0);
  bell.start();
  await reply({ kind: "answered" }, 5_000);
  equal(rest(), 2_000);
});

test("after errors it waits 2, 4, 8, 16 and then 30 s, and as long as the service says", async () => {
  const { bell, pass, reply, rest } = world();
  bell.start();
  const waits: number[] = [];
  for (let at = 0; at < 7; at++) {
    await reply({ kind: "failed" }, 0);
    waits.push(rest());
    pass(rest());
  }
  deepEqual(waits, [2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
  await reply({ kind: "failed", retrySeconds: 120 }, 0);
  equal(rest(), 120_000);
});

test("a hidden page asks nothing, and asks when it becomes visible", async () => {
  const { bell, pass, reply, asked, state } = world();
  bell.start();
  await reply({ kind: "answered" });
  state.isVisible = false;
  bell.look();
  pass(60_000);
  equal(asked.length, 1);
  state.isVisible = true;
  bell.look();
  pass(0);
  equal(asked.length, 2);
});

test("stopping aborts the question that is under way, and its answer rings nothing", async () => {
  const { bell, pass, reply, asked, state } = world();
  bell.start();
  bell.stop();
  equal(state.aborted, 1);
  await reply({ kind: "answered" });
  pass(60_000);
  equal(asked.length, 1);
});

test("after a refusal nothing more is asked until the reader asks", async () => {
  const { bell, pass, reply, asked } = world();
  bell.start();
  await reply({ kind: "stop" });
  pass(60_000);
  equal(asked.length, 1);
  bell.ring();
  equal(asked.length, 2);
});

test("on hold it does not ring by itself, but still asks when it is told to", async () => {
  const { bell, pass, reply, asked, state } = world();
  bell.start();
  bell.hold();
  await reply({ kind: "answered" });
  pass(60_000);
  deepEqual([asked.length, state.aborted], [1, 0]);
  bell.ring();
  await reply({ kind: "answered" });
  pass(60_000);
  equal(asked.length, 2);
});

import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { test } from "node:test";
import { LyftrError } from "../../client/errors.ts";
import { parseRetryAfter, retryDelayMs, withRetries } from "../../client/retry.ts";

const NOW_MS = Date.UTC(2026, 0, 15, 10, 0, 0);

/** Time passes only while the code under test sleeps. */
function handClock() {
  let ms = 0;
  const slept: number[] = [];
  return {
    slept,
    pass: (more: number) => (ms += more),
    now: () => NOW_MS + ms,
    monotonic: () => ms,
    sleep: async (more: number) => {
      slept.push(more);
      ms += more;
    },
  };
}

const unavailable = (retryAfterMs?: number) =>
  new LyftrError("unavailable", "503", { status: 503, retryAfterMs });

test("the limit of the delay doubles from 100 ms to 5 s, and the delay is random below it", () => {
  const limits = [1, 2, 3, 4, 5, 6, 7, 8, 2_000].map((attempt) =>
    retryDelayMs(attempt, undefined, () => 1),
  );
  deepEqual(limits, [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000, 5_000]);
  equal(
    retryDelayMs(5, undefined, () => 0),
    0,
  );
  equal(
    retryDelayMs(2, undefined, () => 0.5),
    100,
  );
});

test("Retry-After is always waited for, with the jitter on top", () => {
  equal(
    retryDelayMs(1, 2_000, () => 0),
    2_000,
  );
  equal(
    retryDelayMs(3, 2_000, () => 0.5),
    2_200,
  );
});

test("Retry-After is read as seconds and in the three date forms, and anything else is ignored", () => {
  equal(parseRetryAfter("3", NOW_MS), 3_000);
  equal(parseRetryAfter(" 0 ", NOW_MS), 0);
  equal(parseRetryAfter("9999999999", NOW_MS), 9_999_999_999_000);
  equal(parseRetryAfter("Thu, 15 Jan 2026 10:00:05 GMT", NOW_MS), 5_000);
  equal(parseRetryAfter("Thursday, 15-Jan-26 10:00:05 GMT", NOW_MS), 5_000);
  equal(parseRetryAfter("Thu Jan 15 10:00:05 2026", NOW_MS), 5_000);
  // A date in the past, or a clock that is ahead: at once.
  equal(parseRetryAfter("Thu, 15 Jan 2026 09:00:00 GMT", NOW_MS), 0);
  for (const other of [
    null,
    "",
    "-5",
    "1.5",
    "soon",
    "Thu, soon",
    "on Thu, 15 Jan 2026 10:00:05 GMT",
    "99999999999",
    "1e3",
    "99999999999999999999",
    "2026-01-15T10:00:05Z",
  ])
    equal(parseRetryAfter(other, NOW_MS), undefined, String(other));
});

test("a date is in UTC, whatever the time zone of the client", () => {
  const { TZ } = process.env;
  try {
    for (const zone of ["America/Los_Angeles", "Asia/Kolkata"]) {
      process.env.TZ = zone;
      for (const date of ["Thu, 15 Jan 2026 10:00:05 GMT", "Thu Jan 15 10:00:05 2026"])
        equal(parseRetryAfter(date, NOW_MS), 5_000, `${zone}: ${date}`);
    }
  } finally {
    if (TZ === undefined) delete process.env.TZ;
    else process.env.TZ = TZ;
  }
});

test("attempts are repeated until one succeeds, and their number is reported", async () => {
  const clock = handClock();
  let calls = 0;
  const attempt = async () => {
    if (++calls < 4) throw unavailable();
    return "stored";
  };
  const result = await withRetries(attempt, { deadlineMs: 60_000, clock, random: () => 0.5 });
  deepEqual(result, { value: "stored", attempts: 4 });
  deepEqual(clock.slept, [50, 100, 200]);
});

test("it gives up without waiting when the next attempt would begin after the deadline", async () => {
  const clock = handClock();
  const attempt = async () => {
    clock.pass(1_000);
    throw unavailable();
  };
  await rejects(withRetries(attempt, { deadlineMs: 10_000, clock, random: () => 1 }), (error) => {
    ok(error instanceof LyftrError);
    deepEqual([error.kind, error.attempts], ["unavailable", 6]);
    return true;
  });
  ok(clock.monotonic() < 10_000, `${clock.monotonic()} ms`);
});

test("an attempt begins only while 50 ms are left for it", async () => {
  for (const [deadlineMs, attempts] of [
    [149, 1],
    [150, 2],
  ] as const) {
    const options = { deadlineMs, clock: handClock(), random: () => 1 };
    const tried = withRetries(() => Promise.reject(unavailable()), options);
    await rejects(tried, { kind: "unavailable", attempts });
  }
});

test("it gives up after the maximum number of attempts, however much time is left", async () => {
  const clock = handClock();
  const options = { deadlineMs: 60_000, attemptsMax: 3, clock, random: () => 0.5 };
  const tried = withRetries(() => Promise.reject(unavailable()), options);
  await rejects(tried, { kind: "unavailable", attempts: 3 });
  deepEqual(clock.slept, [50, 100]);
});

test("what is not an error of the client is passed on at once, and unchanged", async () => {
  const clock = handClock();
  const options = { deadlineMs: 60_000, clock, random: () => 0 };
  for (const thrown of ["a text", Object.freeze(new Error("frozen"))])
    equal(
      await withRetries(() => Promise.reject(thrown), options).catch((error: unknown) => error),
      thrown,
    );
  deepEqual(clock.slept, []);
});

test("a Retry-After beyond the deadline ends it at once, and is reported", async () => {
  const clock = handClock();
  const limited = new LyftrError("rate_limited", "429", { status: 429, retryAfterMs: 60_000 });
  const attempt = () => Promise.reject(limited);
  await rejects(withRetries(attempt, { deadlineMs: 30_000, clock, random: () => 0.5 }), (error) => {
    ok(error instanceof LyftrError);
    deepEqual([error.kind, error.attempts, error.retryAfterMs], ["rate_limited", 1, 60_000]);
    return true;
  });
  deepEqual(clock.slept, []);
});

test("each attempt gets the remaining time of the deadline", async () => {
  const clock = handClock();
  const left: number[] = [];
  const attempt = async (leftMs: () => number) => {
    left.push(leftMs());
    clock.pass(300);
    if (left.length < 3) throw unavailable();
  };
  await withRetries(attempt, { deadlineMs: 1_000, clock, random: () => 0 });
  deepEqual(left, [1_000, 700, 400]);
});

test("an error that waiting cannot fix is not retried", async () => {
  for (const kind of [
    "usage",
    "unauthorized",
    "invalid",
    "too_large",
    "certificate",
    "protocol",
  ] as const) {
    let calls = 0;
    const attempt = () => {
      calls++;
      return Promise.reject(new LyftrError(kind, "refused"));
    };
    await rejects(
      withRetries(attempt, { deadlineMs: 1_000, clock: handClock(), random: () => 0 }),
      { kind },
    );
    equal(calls, 1, kind);
  }
});

test("an abort during the waiting ends it", async () => {
  const clock = handClock();
  const controller = new AbortController();
  const sleep = async () => controller.abort(new Error("enough"));
  const { signal } = controller;
  const attempt = () => Promise.reject(unavailable());
  const tried = withRetries(attempt, {
    deadlineMs: 9_000,
    clock: { ...clock, sleep },
    random: () => 1,
    signal,
  });
  await rejects(tried, (error) => {
    ok(error instanceof LyftrError && error.cause instanceof Error);
    deepEqual([error.kind, error.cause.message], ["aborted", "enough"]);
    return true;
  });
});

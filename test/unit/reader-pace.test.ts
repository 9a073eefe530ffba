import { equal } from "node:assert/strict";
import { mock, test } from "node:test";
import { ReaderPace } from "../../src/http/reader-pace.ts";

/**
 * A reader that has to read 1,000 bytes a second and may be 10 s behind, on a clock of the test.
 */
function paced() {
  mock.timers.enable({ apis: ["setTimeout"] });
  let nowMs = 0;
  let cuts = 0;
  const clock = { monotonic: () => nowMs };
  const pace = new ReaderPace({
    clock,
    bytesPerSecondMin: 1_000,
    behindMsMax: 10_000,
    tooSlow: () => cuts++,
  });
  const wait = (ms: number) => {
    nowMs += ms;
    mock.timers.tick(ms);
  };
  return { pace, wait, cuts: () => cuts, [Symbol.dispose]: () => mock.timers.reset() };
}

test("a client that reads nothing is cut off when it is as far behind as allowed", () => {
  using reader = paced();
  reader.pace.offered();
  reader.wait(9_999);
  equal(reader.cuts(), 0);
  reader.wait(1);
  equal(reader.cuts(), 1);
});

test("a client at half of the rate is cut off after twice the time, and one at the rate never", () => {
  for (const [bytes, seconds] of [
    [500, 20],
    [1_000, undefined],
  ] as const) {
    using reader = paced();
    let second = 0;
    for (; second < 1_000 && reader.cuts() === 0; second++) {
      reader.pace.offered();
      reader.wait(1_000);
      reader.pace.taken(bytes);
    }
    equal(reader.cuts(), seconds === undefined ? 0 : 1);
    if (seconds !== undefined) equal(second, seconds - 1);
  }
});

test("being ahead gains no more time than that, and the time of the service does not count", () => {
  using reader = paced();
  reader.pace.offered();
  reader.pace.taken(1_000_000);
  // The service reads its database.
  reader.wait(60_000);
  equal(reader.cuts(), 0);
  reader.pace.offered();
  reader.wait(10_000);
  equal(reader.cuts(), 1);
});

test("a closed connection is no longer measured, even if data is offered after its end", () => {
  using reader = paced();
  reader.pace.offered();
  reader.pace.stop();
  reader.pace.offered();
  reader.wait(60_000);
  equal(reader.cuts(), 0);
});

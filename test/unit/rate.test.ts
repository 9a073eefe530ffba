import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { parseRate, rateInWords } from "../../src/domain/rate.ts";

test("a rate is a count in a time, and the size of its bucket is the count unless it is given", () => {
  deepEqual(parseRate("100/1m"), { count: 100, perMs: 60_000, burst: 100 });
  deepEqual(parseRate("100/1m,burst=20"), { count: 100, perMs: 60_000, burst: 20 });
  deepEqual(parseRate("1/1ms,burst=1"), { count: 1, perMs: 1, burst: 1 });
  deepEqual(parseRate("1000000000/10s,burst=1000000000"), {
    count: 1_000_000_000,
    perMs: 10_000,
    burst: 1_000_000_000,
  });
});

test("any other text is no rate, and neither is one out of range", () => {
  for (const text of [
    "",
    "100",
    "/1m",
    "100/",
    "100/m",
    "100/1",
    "100/1y",
    "100/0ms",
    "0/1m",
    "1000000001/1m",
    "1/1m,burst=0",
    "1/1m,burst=1000000001",
    "1/1m,burst=",
    "1/1m,",
    "1/1m,burst=2x",
    "x1/1m",
    "1/1m ",
    "-1/1m",
    "1.5/1m",
    "00000000001/1m",
    "1/1m,burst=00000000001",
  ])
    equal(parseRate(text), undefined, text);
});

test("a rate as text names its bucket only if the size is not the count", () => {
  equal(rateInWords({ count: 100, perMs: 60_000, burst: 100 }), "100/60000ms");
  equal(rateInWords({ count: 100, perMs: 60_000, burst: 20 }), "100/60000ms,burst=20");
  const rate = { count: 3, perMs: 250, burst: 7 };
  deepEqual(parseRate(rateInWords(rate)), rate);
});

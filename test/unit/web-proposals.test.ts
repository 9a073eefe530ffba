import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { proposalsFor } from "../../web/live/proposals.ts";
import { checkFilter, takeChips, wholeDay } from "../../web/live/search.ts";
import type { Filter } from "../../web/route.ts";

const WHEN = { now: Date.parse("2026-11-29T04:35:00Z"), zone: "Asia/Kolkata" };
const labels = (text: string, filter: Filter = {}) =>
  proposalsFor(text, filter, WHEN).map(({ label }) => label);

test("an empty field proposes the filters, and a word those that begin so", () => {
  deepEqual(labels(""), ["from:", "to:", "on:", "since:", "until:", "source:"]);
  deepEqual(labels("", { from: "+1" }), [], "the list of a filter is not covered");
  deepEqual(labels("s"), ["since:", "source:"]);
  deepEqual(labels("order SIN"), ["since:"]);
  deepEqual(labels("order "), []);
  deepEqual(labels("order"), []);
  equal(proposalsFor("order si", {}, WHEN)[0]?.text, "order since:");
});

test("a filter proposes its values as people write them, and what each stands for", () => {
  deepEqual(labels("since:"), [
    "since:today",
    "since:yesterday",
    "since:24h",
    "since:7d",
    "since:30d",
    "since:2026-11-27",
  ]);
  deepEqual(labels("on:"), ["on:today", "on:yesterday", "on:2026-11-27"]);
  deepEqual(labels("until:y"), ["until:yesterday"]);
  deepEqual(labels("since:9"), ["since:9m", "since:9h", "since:9d", "since:9w", "since:9:00"]);
  deepEqual(labels("since:3d"), ["since:3d"]);
  deepEqual(labels("since:banana"), []);
  deepEqual(labels("source:"), ["source:native"]);
  deepEqual(labels("from:+49151"), ["from:+49151"]);
  const [today] = proposalsFor("x since:to", {}, WHEN);
  equal(today?.text, "x since:today");
  equal(today?.at, Date.parse("2026-11-28T18:30:00Z"));
});

test("a number alone may be a sender, a receiver or a text", () => {
  const texts = proposalsFor("+91 98765-43210", {}, WHEN).map(({ text }) => text);
  deepEqual(texts, ["from:+919876543210", "to:+919876543210", "+91 98765-43210"]);
});

test("each proposed value becomes chips that can be used", () => {
  const names = fc.constantFrom("from", "to", "on", "since", "until", "source");
  const begun = fc.oneof(fc.constantFrom("", "t", "7", "12", "+4915", "2026"), fc.string());
  fc.assert(
    fc.property(names, begun, (name, value) => {
      for (const { kind, text } of proposalsFor(`${name}:${value}`, {}, WHEN)) {
        if (kind !== "value") continue;
        const { chips } = takeChips(text, WHEN, true);
        ok(Object.keys(chips).length > 0, text);
        deepEqual(checkFilter(chips).problems, {}, text);
      }
    }),
  );
});

test("on: is one day of the reader's zone, and such a day is known again", () => {
  const day = { since: "2026-11-27T18:30:00Z", until: "2026-11-28T18:30:00Z" };
  for (const text of ["on:yesterday ", "on:2026-11-28 ", "ON:24h "])
    deepEqual(takeChips(text, WHEN).chips, day, text);
  equal(wholeDay(day, WHEN.zone), Date.parse(day.since));
  equal(wholeDay(day, "UTC"), undefined, "in another zone it is no day");
  equal(wholeDay({ since: day.since }, WHEN.zone), undefined);
  equal(wholeDay({ since: "banana", until: day.until }, WHEN.zone), undefined);
  deepEqual(takeChips("on:banana ", WHEN).chips, { since: "banana" });
  // Clocks were set back: the day has 25 hours.
  const berlin = { now: Date.parse("2026-10-25T12:00:00Z"), zone: "Europe/Berlin" };
  const long = { since: "2026-10-24T22:00:00Z", until: "2026-10-25T23:00:00Z" };
  deepEqual(takeChips("on:today ", berlin).chips, long);
  equal(wholeDay(long, berlin.zone), Date.parse(long.since));
});

import { deepEqual, equal, match, ok } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { barsOf, beginOf, unitOf } from "../../web/live/bars.ts";
import { daysOf } from "../../web/live/days.ts";
import { instantOfText, MomentFormat } from "../../web/text/moments.ts";
import { bytes, duration } from "../../web/text/quantities.ts";
import { counted, fill } from "../../web/text/words.ts";
import { instantOf, isZone, localTime, startOfDay, toUtcText } from "../../web/text/zones.ts";
import { propertyRuns } from "../support/property-runs.ts";

const ZONES = [
  "UTC",
  "Asia/Kolkata",
  "Asia/Kathmandu",
  "Australia/Lord_Howe",
  "America/New_York",
  "Europe/Berlin",
  "Pacific/Apia",
  "Pacific/Chatham",
  "America/Sao_Paulo",
];
const HOUR_MS = 60 * 60_000;
const at = (text: string) => Date.parse(text);

test("a local time that clocks show is the instant at which they show it", () => {
  const instants = fc.integer({ min: at("1990-01-01"), max: at("2045-01-01") });
  fc.assert(
    fc.property(fc.constantFrom(...ZONES), instants, (zone, instant) => {
      const whole = Math.floor(instant / 1_000) * 1_000;
      const found = instantOf(localTime(whole, zone), zone);
      // Shown twice, it is the earlier of the two.
      ok(found === whole || (found < whole && found >= whole - 24 * HOUR_MS), toUtcText(whole));
      deepEqual(localTime(found, zone), localTime(whole, zone));
    }),
    { numRuns: propertyRuns(500) },
  );
});

test("days begin at midnight of the zone, also with half hours, and when the clocks change", () => {
  const begin = (zone: string, text: string, days = 0) =>
    toUtcText(startOfDay(at(text), zone, days));
  equal(begin("Asia/Kolkata", "2026-11-29T04:35:00Z"), "2026-11-28T18:30:00Z");
  equal(begin("Asia/Kathmandu", "2026-11-29T04:35:00Z"), "2026-11-28T18:15:00Z");
  equal(begin("Europe/Berlin", "2026-03-29T12:00:00Z"), "2026-03-28T23:00:00Z");
  equal(begin("Europe/Berlin", "2026-03-29T12:00:00Z", 1), "2026-03-29T22:00:00Z");
  equal(begin("Europe/Berlin", "2026-10-25T12:00:00Z", 1), "2026-10-25T23:00:00Z");
  // Midnight was skipped: the day began at 01:00.
  equal(begin("America/Sao_Paulo", "2018-11-04T12:00:00Z"), "2018-11-04T03:00:00Z");
});

test("the bars of a span have its unit, no gap, and every message once", () => {
  equal(unitOf({ since: 0, until: 3 * HOUR_MS }), "minute");
  equal(unitOf({ since: 0, until: 3 * HOUR_MS + 1 }), "hour");
  equal(unitOf({ since: 0, until: 7 * 24 * HOUR_MS + 1 }), "day");
  const spans = fc.tuple(
    fc.constantFrom(...ZONES),
    fc.integer({ min: at("2011-06-01"), max: at("2030-01-01") }),
    fc.integer({ min: 1, max: 900 * 24 * HOUR_MS }),
  );
  fc.assert(
    fc.property(spans, ([zone, since, length]) => {
      const span = { since, until: since + length };
      const unit = unitOf(span);
      const buckets = [since, since + length / 2, since + length - 1].map((instant) => ({
        start: toUtcText(beginOf(unit, Math.floor(instant), zone)),
        count: 1,
      }));
      const bars = barsOf(span, zone, buckets);
      ok(bars.length >= 1 && bars.length <= 90, `${bars.length} bars`);
      equal(bars[0]?.since, since);
      equal(bars.at(-1)?.until, span.until);
      for (const [index, bar] of bars.entries()) {
        ok(bar.until > bar.since);
        equal(bars[index + 1]?.since ?? span.until, bar.until);
      }
      equal(
        bars.reduce((sum, bar) => sum + bar.count, 0),
        3,
      );
    }),
    { numRuns: propertyRuns(100) },
  );
});

test("rows are grouped by the days of the zone, in their order", () => {
  const instants = fc.array(
    fc.oneof(fc.integer({ min: at("2011-12-20"), max: at("2012-01-10") }), fc.constant(Number.NaN)),
    { maxLength: 60 },
  );
  fc.assert(
    fc.property(fc.constantFrom(...ZONES), instants, (zone, some) => {
      const format = new MomentFormat({ zone, clock: "24", language: "en" });
      const newestFirst = some.toSorted((a, b) => (b || -1) - (a || -1));
      const rows = newestFirst.map((instant, index) => ({
        key: String(index),
        message: { message_id: "", ts: "", from: "", to: "", text: null, created_at: "" },
        at: instant,
      }));
      const days = daysOf(rows, format);
      deepEqual(
        days.flatMap((day) => day.rows),
        rows,
      );
      for (const day of days)
        for (const row of day.rows)
          equal(Number.isNaN(row.at) ? "undated" : format.dayKey(row.at), day.key);
      equal(new Set(days.map(({ key }) => key)).size, days.length);
    }),
    { numRuns: propertyRuns(200) },
  );
});

test("hours begin when the clocks of the zone show a whole hour", () => {
  const begin = (zone: string) => toUtcText(beginOf("hour", at("2026-11-29T04:35:00Z"), zone));
  equal(begin("UTC"), "2026-11-29T04:00:00Z");
  equal(begin("Asia/Kolkata"), "2026-11-29T04:30:00Z");
  equal(begin("Asia/Kathmandu"), "2026-11-29T04:15:00Z");
});

test("moments have one zone and one clock", () => {
  const now = at("2026-11-29T04:35:00Z");
  const format = new MomentFormat({ zone: "Asia/Kolkata", clock: "24", language: "en-US" });
  equal(format.time(now), "10:05");
  equal(format.day(now, now), "Today, Sunday 29 November");
  equal(format.day(now - 24 * HOUR_MS, now), "Yesterday, Saturday 28 November");
  equal(format.day(at("2024-01-05T00:00:00Z"), now), "Friday 5 January 2024");
  equal(format.brief(at("2026-11-24T14:39:00Z"), now), "24 Nov 20:09");
  equal(format.brief(now, now), "10:05");
  equal(format.brief(at("2026-11-28T18:30:00Z"), now), "29 Nov 00:00", "midnight has its date");
  const twelve = new MomentFormat({ zone: "UTC", clock: "12", language: "de" });
  equal(twelve.time(at("2026-11-29T16:05:00Z")).replace(/\s/, " "), "4:05 pm", "no leading zero");
  match(twelve.whole(at("2026-11-29T09:05:07Z")), /^29 Nov 2026, 9:05:07.am UTC$/);
  equal(new MomentFormat({ zone: "UTC", clock: "language", language: "en-US" }).is12, true);
  equal(new MomentFormat({ zone: "UTC", clock: "language", language: "de-DE" }).is12, false);
  equal(new MomentFormat({ zone: "UTC", clock: "language", language: "?" }).is12, false);
});

test("the year 9999 and timestamps of nine digits can be read, an impossible one cannot", () => {
  equal(instantOfText("9999-12-31T23:59:59Z"), 253_402_300_799_000);
  equal(instantOfText("2026-01-01T00:00:00.123456789Z"), at("2026-01-01T00:00:00.123Z"));
  equal(instantOfText("2026-13-01T00:00:00Z"), undefined);
  equal(isZone("Mars/Olympus"), false);
});

test("durations, sizes and counted things are written in one unit", () => {
  deepEqual([80, 1_234, 12_345, 250_000, 7_300_000, 300_000_000].map(duration), [
    "80 ms",
    "1.2 s",
    "12 s",
    "4 min",
    "2 h",
    "3 days",
  ]);
  deepEqual([999, 2_100_000_000, 41e9].map(bytes), ["999 B", "2.1 GB", "41 GB"]);
  const forms = { one: "{n} message", other: "{n} messages" };
  deepEqual(
    [0, 1, 1_204].map((n) => counted(forms, n)),
    ["0 messages", "1 message", "1,204 messages"],
  );
  equal(fill("{a} of {b}", { a: 1_000, b: "{a}" }), "1,000 of {a}");
});

import { deepEqual, doesNotMatch, equal, match, ok } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import { roundCounts, ticksOf } from "../../web/live/axis.ts";
import { barsOf } from "../../web/live/bars.ts";
import { lagOf } from "../../web/live/lag.ts";
import { QUEUE_AGE_ALERT_MS, QUEUE_ROWS_MAX } from "../../web/live/limits.ts";
import { countersOf, mostRefused, refusedOf, requestsOf } from "../../web/live/results.ts";
import {
  countsWeekBefore,
  spanOf,
  spanWeekBefore,
  unitOfSpan,
  weekBefore,
} from "../../web/live/spans.ts";
import { reportOf } from "../../web/pages/health/report.ts";
import { matching, sorted } from "../../web/pages/health/settings.ts";
import { CHART_SPANS } from "../../web/route.ts";
import { change, compact } from "../../web/text/quantities.ts";
import { dayKey, localTime } from "../../web/text/zones.ts";

const ZONES = ["UTC", "Asia/Kolkata", "Asia/Kathmandu", "America/New_York", "Australia/Lord_Howe"];
const zones = fc.constantFrom(...ZONES);
const YEARS = { min: Date.UTC(2020, 0), max: Date.UTC(2030, 0) };
const moments = fc.integer(YEARS);

test("each chart has its number of bars, in any zone and at any moment", () => {
  const bars = { hour: 60, "two-days": 48, "ninety-days": 90 };
  fc.assert(
    fc.property(moments, zones, fc.constantFrom(...CHART_SPANS), (now, zone, name) => {
      const span = spanOf(name, now, zone);
      ok(span.until <= now);
      // One second after the begin of an hour, minute or day it is not over.
      if (now - span.until > 0) equal(name, "hour");
      if (span.until === span.since) return;
      const made = barsOf(span, zone, []);
      // Where clocks are put back by half an hour, an hour is shown in two parts.
      ok(Math.abs(made.length - bars[name]) <= 1, `${made.length} bars`);
    }),
    { numRuns: 300 },
  );
});

test("the last minute is a whole one, and the last hour and day are under way", () => {
  const now = Date.parse("2026-11-29T04:35:20Z");
  const hour = spanOf("hour", now, "Asia/Kolkata");
  deepEqual(
    [new Date(hour.since).toISOString(), new Date(hour.until).toISOString()],
    ["2026-11-29T03:35:00.000Z", "2026-11-29T04:35:00.000Z"],
  );
  const hours = spanOf("two-days", now, "Asia/Kolkata");
  equal(new Date(hours.since).toISOString(), "2026-11-27T05:30:00.000Z");
  equal(hours.until, now);
  const days = spanOf("ninety-days", now, "Asia/Kolkata");
  equal(dayKey(days.since, "Asia/Kolkata"), "2026-09-01");
});

test("a week before, the clocks show the same time, also over a change of the clocks", () => {
  fc.assert(
    fc.property(moments, zones, (at, zone) => {
      const [now, before] = [localTime(at, zone), localTime(weekBefore(at, zone), zone)];
      // The clocks may skip that time.
      if (before.hour !== now.hour) return;
      equal(before.minute, now.minute);
      const days = Date.UTC(now.year, now.month - 1, now.day) / 864e5;
      equal(days - Date.UTC(before.year, before.month - 1, before.day) / 864e5, 7);
    }),
    { numRuns: 500 },
  );
});

test("each bar is compared with the bucket of a week before", () => {
  // Clocks in New York are put back on 1 November 2026.
  const zone = "America/New_York";
  const now = Date.parse("2026-11-05T15:20:00Z");
  const bars = barsOf(spanOf("ninety-days", now, zone), zone, []);
  const span = spanWeekBefore(bars, "day", zone);
  equal(span?.until, Date.parse("2026-10-30T00:00:00-04:00"), "the day is whole");
  const buckets = [
    { start: "2026-10-29T00:00:00-04:00", count: 7 },
    { start: "2026-10-25T00:00:00-04:00", count: 5 },
  ];
  const counts = countsWeekBefore(bars, zone, buckets);
  const at = (day: string) => bars.findIndex(({ since }) => dayKey(since, zone) === day);
  equal(counts[at("2026-11-05")], 7);
  equal(counts[at("2026-11-01")], 5);
  equal(
    counts.reduce((sum, count) => sum + count, 0),
    12,
  );
  equal(spanWeekBefore([], "day", zone), undefined);
});

test("the marks of a chart are at even times, and not more than there is room for", () => {
  fc.assert(
    fc.property(
      moments,
      zones,
      fc.constantFrom(...CHART_SPANS),
      fc.integer({ min: 2, max: 20 }),
      (now, zone, name, max) => {
        const unit = unitOfSpan(name);
        const bars = barsOf(spanOf(name, now, zone), zone, []);
        const ticks = ticksOf(bars, unit, zone, max);
        ok(ticks.length <= max);
        for (const { at, since } of ticks) {
          equal(bars[at]?.since, since);
          const { hour, minute } = localTime(since, zone);
          if (unit === "minute") equal(minute % 5, 0);
          if (unit === "hour") equal(hour % 3, 0);
        }
      },
    ),
    { numRuns: 300 },
  );
  const now = Date.parse("2026-11-29T04:35:20Z");
  const bars = barsOf(spanOf("hour", now, "UTC"), "UTC", []);
  deepEqual(
    ticksOf(bars, "minute", "UTC", 6).map(({ since }) => new Date(since).getUTCMinutes()),
    [40, 50, 0, 10, 20, 30],
  );
});

test("counts at the side are round, begin at 0 and reach the highest", () => {
  deepEqual(roundCounts(0), [0, 1]);
  deepEqual(roundCounts(3), [0, 1, 2, 3]);
  deepEqual(roundCounts(42), [0, 20, 40, 60]);
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 1e9 }), (highest) => {
      const counts = roundCounts(highest);
      ok((counts.at(-1) ?? 0) >= highest && counts.length >= 2 && counts.length <= 5);
      ok(counts.every(Number.isInteger));
    }),
  );
  equal(compact(1_500), "1.5K");
  deepEqual([change(0.12), change(-0.05), change(0)], ["+12%", "−5%", "0%"]);
});

test("the lag leaves out what was imported, and counts a sender's fast clock as none", () => {
  const sent = Date.parse("2026-11-29T10:00:00Z");
  const after = (ms: number) => ({
    ts: "2026-11-29T10:00:00Z",
    created_at: new Date(sent + ms).toISOString(),
  });
  const lags = Array.from({ length: 100 }, (_, at) => after((at + 1) * 10));
  deepEqual(lagOf(lags), { half: 500, most: 950 });
  deepEqual(lagOf([after(-5_000), after(8 * 864e5)]), { half: 0, most: 0 });
  equal(
    lagOf([after(8 * 864e5), { ts: "2026-13-45", created_at: "2026-01-01T00:00:00Z" }]),
    undefined,
  );
  equal(lagOf([]), undefined);
});

const RESULTS = {
  created: 18_240,
  duplicate: 153,
  invalid_signature: 18,
  validation_error: 2,
  too_large: 0,
  novelty: 1,
};

test("what was neither stored nor stored before was refused, also for reasons to come", () => {
  equal(refusedOf(RESULTS), 21);
  equal(requestsOf(RESULTS), 18_414);
  deepEqual(mostRefused(RESULTS), { result: "invalid_signature", count: 18 });
  equal(mostRefused({ created: 3, error: 0 }), undefined);
  deepEqual(countersOf(RESULTS, 5), {
    refused: [
      { result: "invalid_signature", count: 18 },
      { result: "validation_error", count: 2 },
      { result: "novelty", count: 1 },
    ],
    noted: [
      { result: "duplicate", count: 153 },
      { result: "conflict", count: 5 },
    ],
    never: ["too_large"],
  });
});

test("settings are found by any words of name, value and origin; changed ones come first", () => {
  const settings = [
    { name: "HOST", value: "0.0.0.0", from: "default" },
    { name: "READ_AUTH", value: "open", from: "environment" },
    { name: "MASTER_KEY", value: null, from: "default" },
    { name: "PORT", value: "8001", from: "file" },
  ] as const;
  const names = (search: string) => sorted(matching(settings, search)).map(({ name }) => name);
  deepEqual(names(""), ["READ_AUTH", "PORT", "HOST", "MASTER_KEY"]);
  deepEqual(names(" auth  OPEN "), ["READ_AUTH"]);
  deepEqual(names("default"), ["HOST", "MASTER_KEY"]);
  deepEqual(names("banana"), []);
});

test("a report has the figures and the alerts, and neither texts nor machines", () => {
  const report = reportOf(
    {
      at: "2026-11-29T10:00:00.000Z",
      version: "0.1.0",
      started_at: "2026-11-27T03:42:00.000Z",
      ready: false,
      problem: "database not ready",
      read: "keys",
      last_received_at: null,
      results: RESULTS,
      conflicts: 5,
      shed: 0,
      queue: { rows: 3, age_seconds: 1.5 },
      index_backlog_rows: 0,
      workers: { configured: 2, alive: 1 },
      retention: { days: null, last_run_at: null },
      database: {
        engine: "sqlite",
        size_bytes: null,
        disk_free_bytes: null,
        disk_size_bytes: null,
      },
      alerts: [
        {
          rule: "silence",
          severity: "warning",
          since: "2026-11-29T09:04:00.000Z",
          summary: "web-1 no message for 61 minutes",
          what_to_do: "Look at it.",
        },
      ],
    },
    Date.parse("2026-11-29T10:00:01Z"),
  );
  match(report, /^lyftr {2,}0\.1\.0$/m);
  match(report, /^results\.invalid_signature {2,}18$/m);
  match(report, /^workers {2,}1 of 2$/m);
  match(report, /^database\.size_bytes {2,}none$/m);
  match(report, /^alert\.silence {2,}since 2026-11-29T09:04:00\.000Z$/m);
  doesNotMatch(report, /web-1/);
});

test("limits that the page names are those of the service", () => {
  const source = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
  const constant = (path: string, name: string) =>
    Number(new RegExp(`${name} = ([\\d_]+);`).exec(source(path))?.[1]?.replaceAll("_", ""));
  equal(constant("src/ingest/group-commit.ts", "QUEUE_ROWS_MAX"), QUEUE_ROWS_MAX);
  equal(constant("src/alerts/rules.ts", "QUEUE_MS_FIRES"), QUEUE_AGE_ALERT_MS);
});

import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseTimeZone, type TimeZone, ZoneOffsets } from "../../src/domain/time-zone.ts";
import { ZonedBuckets } from "../../src/domain/zoned-buckets.ts";
import { bucketStart, changeAfter, type Unit } from "../support/plain-buckets.ts";
import { propertyRuns } from "../support/property-runs.ts";

const ZONES = Intl.supportedValuesOf("timeZone");
/** Since then, every offset is whole minutes. */
const WHOLE_MINUTES_FROM = Date.parse("1972-01-08T00:00:00Z") / 1_000;
const LAST = Date.parse("2060-01-01T00:00:00Z") / 1_000;
const HOURS_30 = 30 * 3_600;

const zoneOf = (name: string) => parseTimeZone(name) as TimeZone;
const minuteOf = (seconds: number) => new Date(seconds * 1_000).toISOString().slice(0, 16);
const starts = (zone: string, unit: Unit, moments: readonly string[]) =>
  new ZonedBuckets(zoneOf(zone), unit)
    .sum(moments.map((moment) => ({ start: moment, count: 1 })))
    .map(({ start, count }) => [start, count]);

const units = fc.constantFrom<Unit[]>("minute", "hour", "day");
/** A moment near a change of the zone's clock, if it has one. */
const moments = fc
  .record({
    zone: fc.constantFrom(...ZONES),
    seconds: fc.integer({ min: WHOLE_MINUTES_FROM, max: LAST }),
    beside: fc.integer({ min: -HOURS_30, max: HOURS_30 }),
  })
  .map(({ zone, seconds, beside }) => ({
    zone,
    seconds: Math.max(WHOLE_MINUTES_FROM, (changeAfter(zone, seconds) ?? seconds) + beside),
  }));

test("a bucket of any zone begins where Temporal says, also beside changes of the clock", () => {
  fc.assert(
    fc.property(moments, units, ({ zone, seconds }, unit) => {
      const minute = minuteOf(seconds);
      deepEqual(starts(zone, unit, [minute]), [[bucketStart(zone, unit, `${minute}Z`), 1]]);
    }),
    { numRuns: propertyRuns(3_000) },
  );
});

test("buckets follow each other without a gap, asked for in any order", () => {
  fc.assert(
    fc.property(moments, units, fc.nat(2_000), ({ zone, seconds }, unit, minutes) => {
      const buckets = new ZonedBuckets(zoneOf(zone), unit);
      const at = Math.floor(seconds / 60);
      const { from, until } = buckets.at(at);
      ok(from <= at && at < until);
      buckets.at(at + minutes);
      deepEqual(buckets.at(from), { from, until });
      equal(buckets.at(until).from, until);
      equal(buckets.at(from - 1).until, from);
    }),
    { numRuns: propertyRuns(1_000) },
  );
});

test("days have the hours that the zone gave them", () => {
  const hoursOf = (zone: string, day: string) => {
    const { from, until } = new ZonedBuckets(zoneOf(zone), "day").at(Date.parse(day) / 60_000);
    return (until - from) / 60;
  };
  for (const [zone, noon, hours] of [
    ["Europe/Berlin", "2026-03-29T12:00+02:00", 23],
    ["Europe/Berlin", "2026-10-25T12:00+01:00", 25],
    ["Europe/Berlin", "2026-10-26T12:00+01:00", 24],
    ["Australia/Lord_Howe", "2026-04-05T12:00+10:30", 24.5],
    ["Australia/Lord_Howe", "2026-10-04T12:00+11:00", 23.5],
    ["America/Havana", "2026-03-08T12:00-04:00", 23],
    ["America/Havana", "2026-11-01T12:00-05:00", 25],
    ["America/Santiago", "2026-04-04T12:00-03:00", 25],
    ["America/Santiago", "2026-09-06T12:00-03:00", 23],
    ["Pacific/Apia", "2011-12-29T12:00-10:00", 24],
    ["Pacific/Apia", "2011-12-31T12:00+14:00", 24],
    ["America/St_Johns", "2010-11-07T12:00-03:30", 25],
    ["Asia/Kathmandu", "1986-01-01T12:00+05:45", 23.75],
    ["Asia/Kolkata", "2026-11-29T12:00+05:30", 24],
  ] as const)
    equal(hoursOf(zone, noon), hours, `${zone} ${noon}`);
});

test("time that is repeated across midnight belongs to the new day", () => {
  // At 00:01 on 7 November it was 23:01 on the 6th again.
  for (const moment of ["2010-11-07T02:30", "2010-11-07T02:31", "2010-11-07T03:30"])
    deepEqual(starts("America/St_Johns", "day", [moment]), [["2010-11-07T00:00:00-02:30", 1]]);
  deepEqual(starts("America/St_Johns", "day", ["2010-11-07T02:29"]), [
    ["2010-11-06T00:00:00-02:30", 1],
  ]);
});

test("hours begin at whole hours of the zone, and where its clock changes", () => {
  deepEqual(starts("Asia/Kolkata", "hour", ["2026-11-29T18:29", "2026-11-29T18:30"]), [
    ["2026-11-29T23:00:00+05:30", 1],
    ["2026-11-30T00:00:00+05:30", 1],
  ]);
  deepEqual(starts("Asia/Kathmandu", "hour", ["2026-11-29T18:14", "2026-11-29T18:15"]), [
    ["2026-11-29T23:00:00+05:45", 1],
    ["2026-11-30T00:00:00+05:45", 1],
  ]);
  // 02:00 is 01:30 again, for the second time.
  deepEqual(
    starts("Australia/Lord_Howe", "hour", [
      "2026-04-04T14:00",
      "2026-04-04T14:59",
      "2026-04-04T15:00",
      "2026-04-04T15:29",
      "2026-04-04T15:30",
    ]),
    [
      ["2026-04-05T01:00:00+11:00", 2],
      ["2026-04-05T01:30:00+10:30", 2],
      ["2026-04-05T02:00:00+10:30", 1],
    ],
  );
  deepEqual(starts("Europe/Berlin", "hour", ["2026-10-25T00:30", "2026-10-25T01:30"]), [
    ["2026-10-25T02:00:00+02:00", 1],
    ["2026-10-25T02:00:00+01:00", 1],
  ]);
});

test("an hour of UTC is cut where a bucket of the zone ends within it", () => {
  const hours = Array.from({ length: 24 }, (_, hour) => ({
    start: `2026-11-29T${String(hour).padStart(2, "0")}`,
    count: 1,
  }));
  const cut = (zone: string, unit: Unit) =>
    new ZonedBuckets(zoneOf(zone), unit).cutHours(hours).hours.length;
  for (const [zone, hour, day] of [
    ["UTC", 0, 0],
    ["Europe/Berlin", 0, 0],
    ["Asia/Kolkata", 24, 1],
    ["Asia/Kathmandu", 24, 1],
    ["America/St_Johns", 24, 1],
  ] as const)
    deepEqual([cut(zone, "hour"), cut(zone, "day")], [hour, day], zone);
  const quarters = (zone: string, start: string) =>
    new ZonedBuckets(zoneOf(zone), "hour").cutHours([{ start, count: 1 }]).atQuarters;
  equal(quarters("Asia/Kathmandu", "2026-11-29T18"), true);
  equal(quarters("Africa/Monrovia", "1971-11-29T18"), true);
  equal(quarters("Asia/Kolkata", "1800-11-29T18"), false);
});

test("offsets with seconds are rounded to minutes, and the ends of the calendar have buckets too", () => {
  deepEqual(starts("Africa/Monrovia", "day", ["1971-06-01T12:00"]), [
    ["1971-06-01T00:00:00-00:45", 1],
  ]);
  deepEqual(starts("Asia/Kolkata", "hour", ["1800-01-01T00:10"]), [
    ["1800-01-01T06:00:00+05:53", 1],
  ]);
  deepEqual(starts("Asia/Kolkata", "day", ["9999-12-31T18:29", "9999-12-31T18:30"]), [
    ["9999-12-31T00:00:00+05:30", 1],
    ["9999-12-31T18:30:00+00:00", 1],
  ]);
  deepEqual(starts("America/New_York", "day", ["0000-01-01T00:00"]), [
    ["0000-01-01T00:00:00+00:00", 1],
  ]);
  // Alaska repeated a date when it moved to the American side of the date line.
  deepEqual(starts("America/Juneau", "day", ["1867-10-18T10:00", "1867-10-19T10:00"]), [
    ["1867-10-19T00:00:00+15:02", 2],
  ]);
});

test("spans that name no moment are left out; a minute beyond 59 stays in its hour", () => {
  deepEqual(
    starts("Asia/Kolkata", "hour", [
      "2025-02-30T10:00",
      "2025-13-01T10:00",
      "2025-01-15T24:00",
      "2025-01-15T10:75",
      "2025-01-15T10:59",
      "2025-02-30T10",
      "2025-01-15T99",
    ]),
    [["2025-01-15T16:00:00+05:30", 2]],
  );
});

test("the zones are those of IANA, in any case, and never an offset", () => {
  for (const name of [
    ...ZONES,
    "UTC",
    "GMT",
    "EST5EDT",
    "HST",
    "GB",
    "W-SU",
    "NZ-CHAT",
    "Universal",
    "US/Pacific",
    "Asia/Kathmandu",
    "Europe/Kyiv",
    "Etc/GMT+12",
    "Etc/GMT-14",
    "America/Argentina/ComodRivadavia",
    "America/North_Dakota/New_Salem",
  ])
    ok(parseTimeZone(name), name);
  for (const name of ["asia/kolkata", "ASIA/CALCUTTA", " Asia/Kolkata "])
    equal(parseTimeZone(name), parseTimeZone("Asia/Kolkata"), name);
  equal(parseTimeZone("Etc/GMT 5"), parseTimeZone("Etc/GMT+5"));
  for (const name of [
    "",
    "Asia",
    "Mars/Base",
    "+05:30",
    "-05",
    "05:30",
    "GMT+1",
    "IST",
    "CST",
    "pst",
    "SystemV/EST5",
    "Asia/Kolkata\0",
    "../etc/passwd",
    "__proto__",
    "Factory",
    "localtime",
    `Asia/${"x".repeat(100_000)}`,
  ])
    equal(parseTimeZone(name), undefined, name.slice(0, 20));
});

test("a name that was parsed before costs no work of Node.js, however it is spelt", ({ mock }) => {
  const made = mock.method(Intl, "DateTimeFormat");
  const zones = ["Asia/Katmandu", "asia/katmandu", " ASIA/KATMANDU", "Asia/Katmandu"];
  equal(new Set(zones.map(parseTimeZone)).size, 1);
  ok(made.mock.callCount() <= 1, `${made.mock.callCount()}`);
  for (const name of ["Asia/Nowhere", "asia/nowhere"]) equal(parseTimeZone(name), undefined);
});

test("more zones than formats that are kept have right offsets", () => {
  for (const zone of [...ZONES, ...ZONES.toReversed()])
    equal(new ZoneOffsets(zoneOf(zone)).at(0) <= 840, true, zone);
  equal(new ZoneOffsets(zoneOf("Asia/Kolkata")).at(0), 330);
});

import { equal } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  instantOf,
  isCalendarDate,
  parseInstant,
  UTC_TIMESTAMP_PATTERN,
} from "../../src/domain/timestamp.ts";

test("the calendar knows leap years and the lengths of months", () => {
  for (const day of ["2024-02-29", "2000-02-29", "2025-12-31", "0001-01-01", "0004-02-29"])
    equal(isCalendarDate(day), true, day);
  for (const day of [
    "2025-02-29",
    "1900-02-29",
    "2025-02-30",
    "2025-04-31",
    "2025-13-01",
    "2025-00-10",
    "2025-01-00",
  ])
    equal(isCalendarDate(day), false, day);
});

test("the calendar agrees with Date for every day it can name", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 100, max: 9999 }),
      fc.integer({ min: 1, max: 12 }),
      fc.integer({ min: 1, max: 31 }),
      (year, month, day) => {
        const date = new Date(Date.UTC(year, month - 1, day));
        const text = `${String(year).padStart(4, "0")}-${String(month).padStart(2, "0")}-${String(day).padStart(2, "0")}`;
        return isCalendarDate(text) === (date.getUTCMonth() === month - 1);
      },
    ),
  );
});

test("instants order like their moments, whatever the spelling of the fraction", () => {
  const moment = fc.record({
    ms: fc.integer({ min: 0, max: 4e12 }),
    nanos: fc.integer({ min: 0, max: 999_999 }),
    zeros: fc.integer({ min: 0, max: 3 }),
  });
  const spell = ({ ms, nanos, zeros }: { ms: number; nanos: number; zeros: number }) => {
    const [whole, fraction] = new Date(ms).toISOString().slice(0, -1).split(".");
    const digits =
      `${fraction}${String(nanos).padStart(6, "0")}`.replace(/0+$/, "") + "0".repeat(zeros);
    return `${whole}${digits === "" ? "" : `.${digits}`}Z`;
  };
  fc.assert(
    fc.property(moment, moment, (a, b) => {
      const [left, right] = [instantOf(spell(a)), instantOf(spell(b))];
      const expected = Math.sign(a.ms - b.ms || a.nanos - b.nanos);
      return (left < right ? -1 : left > right ? 1 : 0) === expected;
    }),
  );
});

test("spellings that the older service accepted keep their moment, any other sorts as text", () => {
  equal(instantOf("2025-01-15 10:00:00Z"), "2025-01-15T10:00:00");
  equal(instantOf("2025-01-15T10:00Z"), "2025-01-15T10:00:00");
  equal(instantOf("2025-01-15T10:00:00.000+00:00"), "2025-01-15T10:00:00");
  equal(instantOf("2025-01-15T10:00:00,250"), "2025-01-15T10:00:00.25");
  for (const other of [
    "yesterday",
    "x2025-01-15 10:00:00Z",
    "2025-01-15 10:00:00Zx",
    "2025-01-15 10:00:00+01:00",
    "2025-01-15 10:00:0",
    "2025-01-15 1:00",
    "2025-01-15_10:00",
  ])
    equal(instantOf(other), other);
  equal(instantOf(""), "");
});

test("a filter's moment may have a fraction, any offset, a blank for the T, no seconds, no zone, or be a bare date", () => {
  const understood: Readonly<Record<string, string>> = {
    "2025-01-15T10:00:00Z": "2025-01-15T10:00:00",
    "2025-01-15T10:00:00.120+00:00": "2025-01-15T10:00:00.12",
    "2025-01-15T10:00:00 00:00": "2025-01-15T10:00:00",
    "2025-01-15T10:00:00-00:00": "2025-01-15T10:00:00",
    "2025-01-15": "2025-01-15T00:00:00",
    // HTML's datetime-local, Python's isoformat() and str().
    "2025-01-15T10:00": "2025-01-15T10:00:00",
    "2025-01-15T10:00:30": "2025-01-15T10:00:30",
    "2025-01-15 10:00:30.000500": "2025-01-15T10:00:30.0005",
    "2025-01-15 10:00:00+00:00": "2025-01-15T10:00:00",
    "2025-01-15T10:00Z": "2025-01-15T10:00:00",
    "2025-01-15T10:00:00+05:30": "2025-01-15T04:30:00",
    "2025-01-15T10:00:00 05:30": "2025-01-15T04:30:00",
    "2025-01-15 10:00 05:30": "2025-01-15T04:30:00",
    "2025-01-15T10:00:00.25-0800": "2025-01-15T18:00:00.25",
    "2025-01-15T10:00-03": "2025-01-15T13:00:00",
    "2025-01-01T00:00+14:00": "2024-12-31T10:00:00",
    "2024-02-28T23:30:59.9-01:00": "2024-02-29T00:30:59.9",
    "0001-01-01T00:00:00+00:01": "0000-12-31T23:59:00",
    "0099-12-31T23:59-00:01": "0100-01-01T00:00:00",
    "0000-01-01T00:00:00+23:59": "0000-01-01T00:00:00",
    "9999-12-31T23:59:59.999999999-00:01": "9999-12-31T24:00:00",
  };
  for (const [text, instant] of Object.entries(understood))
    equal(parseInstant(text), instant, text);
});

test("an offset is converted as Date does", () => {
  const two = (value: number) => String(value).padStart(2, "0");
  fc.assert(
    fc.property(
      fc.date({ min: new Date("0000-01-02"), max: new Date("9999-12-30"), noInvalidDate: true }),
      fc.constantFrom("+", "-"),
      fc.integer({ min: 0, max: 24 * 60 - 1 }),
      (date, sign, minutes) => {
        const text = `${date.toISOString().slice(0, -1)}${sign}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
        equal(parseInstant(text), instantOf(new Date(Date.parse(text)).toISOString()));
      },
    ),
  );
});

test("a filter's moment of any other form is refused", () => {
  const refused = [
    "2025-02-30",
    "2025-02-30T10:00:00+05:30",
    "2025-01-15T10:00:00z",
    "2025-01-15t10:00:00Z",
    "2025-01-15T24:00:00Z",
    "2025-01-15T10:60",
    "2025-01-15T23:59:60Z",
    "2025-01-15T10:00:00+24:00",
    "2025-01-15T10:00:00+05:60",
    "2025-01-15T10:00:00+5:30",
    "2025-01-15T10:00.5Z",
    "2025-01-15T10:00:00.1234567890Z",
    "2025-01-15T10",
    "2025-01-15Z",
    "2025-01-15+05:30",
    "2025-01-15  10:00",
    "2025-1-5",
    "now",
    "1736935200",
    "2025-01-15T10:00:00Z\n",
    " 2025-01-15T10:00:00Z",
    "2025-01-152025-01-15",
    "２０２５-01-15",
  ];
  for (const text of refused) equal(parseInstant(text), undefined, text);
});

test("a timestamp of a message has a real time of the day, and at most nine digits of a fraction", () => {
  const pattern = new RegExp(UTC_TIMESTAMP_PATTERN);
  for (const text of [
    "2025-01-15T10:00Z",
    "0000-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999999999Z",
    "2025-10-20T19:09:08.1Z",
  ])
    equal(pattern.test(text), true, text);
  for (const text of [
    "2025-00-15T10:00:00Z",
    "2025-13-15T10:00:00Z",
    "2025-01-00T10:00:00Z",
    "2025-01-32T10:00:00Z",
    "2025-01-15T24:00:00Z",
    "2025-01-15T10:60:00Z",
    "2025-01-15T10:00:60Z",
    "2025-01-15T10:00:00.Z",
    "2025-01-15T10:00:00.1234567890Z",
    "2025-01-15T10:00.5Z",
    "2025-01-15T10Z",
    "2025-01-15 10:00:00Z",
    "2025-01-15T10:00:00",
    "2025-01-15T10:00:00z",
    " 2025-01-15T10:00:00Z",
    "2025-01-15T10:00:00Z ",
    "25-01-15T10:00:00Z",
  ])
    equal(pattern.test(text), false, text);
});

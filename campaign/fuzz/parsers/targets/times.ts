import { deepEqual, equal, match, ok } from "node:assert/strict";
import { parseDuration } from "../../../../src/domain/duration.ts";
import { parseReceivedAt } from "../../../../src/domain/received-at.ts";
import { parseTimeZone } from "../../../../src/domain/time-zone.ts";
import {
  instantOf,
  isCalendarDate,
  parseInstant,
  UTC_TIMESTAMP_PATTERN,
} from "../../../../src/domain/timestamp.ts";
import type { Target } from "../fuzzer.ts";
import { instantOfFilter, isUtcTimestamp } from "../references.ts";

const DICTIONARY = [
  ..."TZ+-:.,eE ",
  "0000-01-01",
  "9999-12-31",
  "2024-02-29",
  "2100-02-29",
  "24:00",
  "23:59:60",
  "23:59:59.999999999",
  "+23:59",
  "-23:59",
  "+0530",
  "-00:00",
  " GMT",
  "Wed, ",
  "Jan",
];
const SEEDS = [
  "2025-01-15T10:00:00Z",
  "2025-01-15T10:00Z",
  "2025-01-15T10:00:00.123456789Z",
  "2025-01-15",
  "2025-01-15 10:00",
  "2024-02-29T23:59:59.5+05:30",
  "2025-01-15T10:00:00-01",
];

const UTC_TIMESTAMP = new RegExp(UTC_TIMESTAMP_PATTERN);

/** Whether an offset may lead out of the years that an instant can name. */
function isAtAnEnd(instant: string | undefined): boolean {
  return instant !== undefined && /^(?:0000-01-01|9999-12-31)/.test(instant);
}

/** The filters `since` and `until`, and the timestamp of a message. */
const instants: Target = {
  name: "timestamps",
  seeds: SEEDS,
  dictionary: DICTIONARY,
  run: (input) => {
    const text = input.toString("latin1");
    const instant = parseInstant(text);
    equal(instant, instantOfFilter(text));
    const isTimestamp = UTC_TIMESTAMP.test(text) && isCalendarDate(text);
    equal(isTimestamp, isUtcTimestamp(text));
    // A message is found by its own timestamp.
    if (isTimestamp) equal(instantOf(text), instant);
    return `${instant?.length} ${isAtAnEnd(instant)} ${isTimestamp} ${instantOf(text) === text}`;
  },
};

const receivedAt: Target = {
  name: "times of receipt",
  seeds: [
    ...SEEDS,
    "1736935200",
    "1736935200123",
    "1.7369352e9",
    "Wed, 15 Jan 2025 10:00:00 GMT",
    "15 Jan 2025 10:00 +0530",
    "2025-01-15 10:00:00.123456+00:00",
  ],
  dictionary: DICTIONARY,
  run: (input) => {
    const spelt = parseReceivedAt(input.toString("latin1"));
    if (spelt === undefined) return "refused";
    match(spelt, /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3,9}Z$/);
    ok(isUtcTimestamp(spelt), spelt);
    equal(parseReceivedAt(spelt), spelt);
    return `${spelt.length} ${spelt.slice(0, 2)}`;
  },
};

/** `ms` stands before `s`, which also ends it. */
const UNITS: Readonly<Record<string, bigint>> = {
  ms: 1n,
  s: 1_000n,
  m: 60_000n,
  h: 3_600_000n,
  d: 86_400_000n,
  w: 604_800_000n,
};
const HUNDRED_YEARS_MS = 36_525n * 86_400_000n;

const durations: Target = {
  name: "durations and time zones",
  seeds: ["500ms", "30s", "1m", "24h", "90d", "2w", "Asia/Kolkata", "Etc/GMT+5", "UTC", "EST5EDT"],
  dictionary: [
    ...Object.keys(UNITS),
    "Asia/",
    "Etc/GMT",
    "Europe/Berlin",
    "america/new_york",
    "+",
    "-",
  ],
  share: 0.3,
  run: (input) => {
    const text = input.toString("latin1");
    const unit = Object.keys(UNITS).find((one) => text.endsWith(one)) ?? "";
    const number = text.slice(0, text.length - unit.length);
    const isNumber = /^[0-9]{1,15}$/.test(number);
    const ms = isNumber && unit !== "" ? BigInt(number) * (UNITS[unit] ?? 0n) : undefined;
    equal(parseDuration(text), ms === undefined || ms > HUNDRED_YEARS_MS ? undefined : Number(ms));
    const zone = parseTimeZone(text);
    if (zone !== undefined) deepEqual(parseTimeZone(zone), zone);
    return `${unit} ${isNumber} ${zone}`;
  },
};

export const TIMES: readonly Target[] = [instants, receivedAt, durations];

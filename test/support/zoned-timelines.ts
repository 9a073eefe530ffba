import { deepEqual } from "node:assert/strict";
import fc from "fast-check";
import type { NewMessage } from "../../src/domain/message.ts";
import { parseTimeZone, type TimeZone } from "../../src/domain/time-zone.ts";
import type { Instant } from "../../src/domain/timestamp.ts";
import type { Store } from "../../src/store/store.ts";
import { changeAfter } from "./plain-buckets.ts";
import type { PlainMessages } from "./plain-messages.ts";

// Messages around a change of a zone's clock, and timelines of that zone.

const ZONES = [
  "Asia/Kolkata",
  "Asia/Kathmandu",
  "Australia/Lord_Howe",
  "Pacific/Apia",
  "Pacific/Chatham",
  "America/St_Johns",
  "America/Havana",
  "America/Santiago",
  "America/Caracas",
  "Asia/Beirut",
  "Europe/Berlin",
  "UTC",
];
const FIRST = Date.parse("1975-01-01T00:00:00Z") / 1_000;
const LAST = Date.parse("2030-01-01T00:00:00Z") / 1_000;
const SPREAD_SECONDS = 2 * 86_400;
/** Samoa skipped 30 December 2011. */
const SKIPPED = { zone: "Pacific/Apia", change: Date.parse("2011-12-30T10:00:00Z") / 1_000 };
/** Singapore had +07:20, which is no whole quarter of an hour. */
const TWENTY = { zone: "Asia/Singapore", change: Date.parse("1941-08-31T16:40:00Z") / 1_000 };

const ordinary = fc
  .record({
    zone: fc.constantFrom(...ZONES),
    near: fc.integer({ min: FIRST, max: LAST }),
  })
  .map(({ zone, near }) => ({ zone, change: changeAfter(zone, near) ?? near }));
const changes = fc.oneof(
  { weight: 1, arbitrary: fc.constantFrom(SKIPPED, TWENTY) },
  { weight: 3, arbitrary: ordinary },
);

const instantAt = (seconds: number) => new Date(seconds * 1_000).toISOString().slice(0, 19);

/** Moments in all parts of an hour, and often in the same bucket. */
const beside = fc.oneof(
  fc.integer({ min: -SPREAD_SECONDS, max: SPREAD_SECONDS }),
  fc.integer({ min: -200, max: 200 }).map((quarters) => quarters * 900),
  fc.integer({ min: -5_400, max: 5_400 }),
);
const messages = fc.array(
  fc.record({
    id: fc.nat(400),
    from: fc.constantFrom("+1", "+1", "+22"),
    beside,
    fraction: fc.constantFrom("", "", ".5", ".999999999"),
  }),
  { minLength: 5, maxLength: 60, size: "max" },
);

/** Each step stores messages, then indexes some of them. */
export const zonedSteps = changes.chain(({ zone, change }) => {
  const moment = beside.map((seconds) => instantAt(change + seconds) as Instant);
  const query = fc.record(
    { from: fc.constantFrom("+1", "+22", "+5"), since: moment, until: moment },
    { requiredKeys: [] },
  );
  return fc.record({
    zone: fc.constant(parseTimeZone(zone) as TimeZone),
    steps: fc.array(
      fc.record({
        rows: messages.map((rows) => rows.map((row) => messageOf(row, change))),
        indexRows: fc.array(fc.integer({ min: 1, max: 50 }), { maxLength: 3 }),
      }),
      { minLength: 2, maxLength: 3, size: "max" },
    ),
    queries: fc.array(query, { minLength: 3, maxLength: 6, size: "max" }),
  });
});

interface Row {
  readonly id: number;
  readonly from: string;
  readonly beside: number;
  readonly fraction: string;
}

function messageOf(row: Row, change: number): NewMessage {
  return {
    messageId: `m${row.id}`,
    source: "native",
    from: row.from,
    to: "+9",
    ts: `${instantAt(change + row.beside)}${row.fraction}Z`,
    text: null,
    createdAt: "2025-01-15T10:00:01.000Z",
  } as unknown as NewMessage;
}

interface Filter {
  readonly from?: string;
  readonly since?: Instant;
  readonly until?: Instant;
}

/** Compares timelines of a zone with a count of all messages, one by one. */
export async function expectSameTimelines(
  reads: Pick<Store, "timeline">,
  plain: PlainMessages,
  zone: TimeZone,
  filters: readonly Filter[],
): Promise<void> {
  for (const bucket of ["minute", "hour", "day"] as const) {
    for (const filter of filters) {
      const got = await reads.timeline({ ...filter, bucket, zone, bucketsMax: 1_000 });
      deepEqual(
        got.map(({ start, count }) => ({ start, count })),
        plain.zonedTimeline(zone, bucket, filter),
        JSON.stringify({ zone, bucket, filter }),
      );
    }
  }
}

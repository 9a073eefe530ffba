import { equal, throws } from "node:assert/strict";
import { test } from "node:test";
import { assert, asyncProperty } from "fast-check";
import { parseTimeZone, type TimeZone } from "../../src/domain/time-zone.ts";
import type { Instant } from "../../src/domain/timestamp.ts";
import { indexMessages } from "../../src/store/sqlite/index/index-messages.ts";
import { timeline } from "../../src/store/sqlite/reads/timeline.ts";
import { PlainMessages } from "../support/plain-messages.ts";
import { propertyRuns } from "../support/property-runs.ts";
import { SqliteParts, temporaryDatabase } from "../support/sqlite-parts.ts";
import { expectSameTimelines, zonedSteps } from "../support/zoned-timelines.ts";

type Query = Parameters<typeof timeline>[1];

const RUNS = propertyRuns(80);
const KOLKATA = parseTimeZone("Asia/Kolkata") as TimeZone;
const BERLIN = parseTimeZone("Europe/Berlin") as TimeZone;

test("timelines of a zone equal a plain count of the messages, whatever is indexed", async () => {
  await assert(
    asyncProperty(zonedSteps, async ({ zone, steps, queries }) => {
      using file = temporaryDatabase();
      using parts = new SqliteParts(file.path);
      const reads = {
        timeline: async (query: Query) => parts.read((snapshot) => timeline(snapshot, query)),
      };
      const plain = new PlainMessages();
      for (const { rows, indexRows } of steps) {
        parts.insert(rows);
        plain.add(rows);
        for (const rowsMax of indexRows) indexMessages(parts.index, rowsMax, 4);
        await expectSameTimelines(reads, plain, zone, queries);
      }
    }),
    { numRuns: RUNS },
  );
});

test("a zone's timeline is summed up from 200,000 hours at most", () => {
  using file = temporaryDatabase();
  using parts = new SqliteParts(file.path);
  // As if a message of each hour were indexed.
  for (const [characters, form] of [
    [16, "%Y-%m-%dT%H:%M"],
    [13, "%Y-%m-%dT%H"],
  ] as const)
    parts.index.run(
      `WITH RECURSIVE hours (at) AS (VALUES (0) UNION ALL SELECT at + 1 FROM hours WHERE at < 200000)
       INSERT INTO spans SELECT ?, strftime(?, '2025-01-01', '45 minutes', at || ' hours'), 1 FROM hours`,
      [characters, form],
    );
  const read = (query: Omit<Query, "bucketsMax">) =>
    parts.read((snapshot) => timeline(snapshot, { ...query, bucketsMax: 10_000 }));
  const since = "2025-01-01T00:45:00" as Instant;
  for (const zone of [KOLKATA, BERLIN]) {
    // The hour that `since` cuts is counted from the messages, and there are none.
    const days = read({ bucket: "day", zone, since });
    equal(days.length, 8_334);
    equal(
      days.reduce((sum, { count }) => sum + count, 0),
      200_000,
    );
    throws(() => read({ bucket: "day", zone }), {
      name: "QueryTooExpensive",
      message: /more than 200000 spans of one hour/,
    });
    for (const bucket of ["hour", "minute"] as const)
      throws(() => read({ bucket, zone, since }), {
        name: "QueryTooExpensive",
        message: /more than 10000 spans of one/,
      });
  }
});

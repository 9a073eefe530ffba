import { deepEqual } from "node:assert/strict";
import { test } from "node:test";
import { array, assert, asyncProperty } from "fast-check";
import { indexMessages } from "../../src/store/sqlite/index/index-messages.ts";
import { find } from "../../src/store/sqlite/reads/find.ts";
import { PLAN_BOUNDS, type PlanBounds } from "../../src/store/sqlite/reads/plan.ts";
import { findSenders } from "../../src/store/sqlite/reads/senders.ts";
import { stats } from "../../src/store/sqlite/reads/stats.ts";
import { TailRows } from "../../src/store/sqlite/reads/tail-rows.ts";
import { timeline } from "../../src/store/sqlite/reads/timeline.ts";
import { PlainMessages } from "../support/plain-messages.ts";
import { propertyRuns } from "../support/property-runs.ts";
import { batches, expectSame, queries, type Reads } from "../support/reads-against-plain.ts";
import { SqliteParts, temporaryDatabase } from "../support/sqlite-parts.ts";

const RUNS = propertyRuns(45);

const WAYS: readonly [string, number, PlanBounds, number?][] = [
  ["small blocks and the search index", 4, { ...PLAN_BOUNDS, fewRows: 0 }],
  ["pieces of phrases", 4, { ...PLAN_BOUNDS, fewRows: 0, phraseMax: 4, phraseGramsMax: 0 }],
  ["small blocks and no search index", 4, PLAN_BOUNDS],
  ["pages that are given before they are full", 4, { ...PLAN_BOUNDS, walkedRowsMax: 7 }],
  ["large blocks and the search index", 16_384, { ...PLAN_BOUNDS, fewRows: 0 }],
  ["a tail that is too long to be scanned", 4, { ...PLAN_BOUNDS, tailRowsMax: 10 }],
  ["a tail whose texts are at times too large to be kept", 4, PLAN_BOUNDS, 600],
];
for (const [way, blockRowsMax, bounds, tailCharactersMax] of WAYS) {
  test(`outcomes, lists, counts, statistics and timelines equal those of a plain list, whatever is indexed, with ${way}`, async () => {
    await assert(
      asyncProperty(
        batches,
        array(queries, { minLength: 8, maxLength: 16, size: "max" }),
        async (steps, asked) => {
          using file = temporaryDatabase();
          using parts = new SqliteParts(file.path, new TailRows(tailCharactersMax));
          const reads: Reads = {
            findMessages: async (query) => parts.read((snapshot) => find(snapshot, query, bounds)),
            stats: async () => parts.read(stats),
            findSenders: async (query) => parts.read((snapshot) => findSenders(snapshot, query)),
            timeline: async (query) => parts.read((snapshot) => timeline(snapshot, query)),
          };
          const plain = new PlainMessages();
          for (const { rows, indexSteps } of steps) {
            deepEqual(parts.insert(rows), plain.add(rows));
            for (const rowsMax of indexSteps) indexMessages(parts.index, rowsMax, blockRowsMax);
            await expectSame(reads, plain, asked);
          }
        },
      ),
      { numRuns: RUNS },
    );
  });
}

import { deepEqual, equal } from "node:assert/strict";
import { after, before, test } from "node:test";
import { array, assert, asyncProperty } from "fast-check";
import { Database } from "../../src/store/postgres/database.ts";
import { indexMessages } from "../../src/store/postgres/index/index-messages.ts";
import type { SearchIndex } from "../../src/store/postgres/index/searchable.ts";
import { searchIndexOf } from "../../src/store/postgres/index/trigrams.ts";
import { migrate } from "../../src/store/postgres/migrations.ts";
import { FIND_BOUNDS, type FindBounds, find } from "../../src/store/postgres/reads/find.ts";
import { findSenders } from "../../src/store/postgres/reads/senders.ts";
import { inSnapshot, type Snapshot } from "../../src/store/postgres/reads/snapshot.ts";
import { stats } from "../../src/store/postgres/reads/stats.ts";
import { timeline } from "../../src/store/postgres/reads/timeline.ts";
import { Writer } from "../../src/store/postgres/writer.ts";
import { PlainMessages } from "../support/plain-messages.ts";
import { freshDatabase, unlessPostgres } from "../support/postgres.ts";
import { foldAsBefore } from "../support/postgres-old-forms.ts";
import { propertyRuns } from "../support/property-runs.ts";
import { batches, expectSame, queries, type Reads } from "../support/reads-against-plain.ts";

const RUNS = propertyRuns(12);
const EMPTY = `TRUNCATE messages; TRUNCATE streams; TRUNCATE totals; TRUNCATE blocks;
  INSERT INTO blocks VALUES ('all', '', '', '', '', 0)`;

const skip = unlessPostgres();
let fresh: Awaited<ReturnType<typeof freshDatabase>>;
let database: Database;
before(async () => {
  if (skip) return;
  fresh = await freshDatabase();
  database = new Database(fresh.url, { connectionsMax: 4 });
  await migrate(database);
});
after(async () => {
  await database?.close();
  await fresh?.drop();
});

const WAYS: readonly [string, number, SearchIndex, FindBounds][] = [
  ["small blocks and the search index", 4, "all letters", { ...FIND_BOUNDS, offsetWalkedMax: 0 }],
  ["small blocks and no search index", 4, "none", { ...FIND_BOUNDS, offsetWalkedMax: 0 }],
  [
    "pages that are given before they are full",
    4,
    "all letters",
    { ...FIND_BOUNDS, walkedRowsMax: 7, sortedMatchesMax: 3 },
  ],
  ["large blocks", 4_096, "all letters", FIND_BOUNDS],
];
for (const [way, blockRowsMax, searchIndex, bounds] of WAYS) {
  const title = `PostgreSQL: outcomes, lists, counts, statistics and timelines equal those of a plain list, whatever is indexed, with ${way}`;
  test(title, { skip }, async () => {
    const read = <T>(work: (snapshot: Snapshot) => Promise<T>) =>
      inSnapshot(database, { searchIndex, oldFormsIndexed: true, msMax: 5_000, long: true }, work);
    const reads: Reads = {
      findMessages: (query) => read((snapshot) => find(snapshot, query, bounds)),
      stats: () => read(stats),
      findSenders: (query) => read((snapshot) => findSenders(snapshot, query)),
      timeline: (query) => read((snapshot) => timeline(snapshot, query)),
    };
    await assert(
      asyncProperty(
        batches,
        array(queries, { minLength: 4, maxLength: 8, size: "max" }),
        async (steps, asked) => {
          for (const statement of EMPTY.split(";")) await database.all(statement);
          const plain = new PlainMessages();
          // Two writers side by side, like two replicas, one of them of the previous version.
          const writers = [0, 1].map(() => new Writer(database, { random: Math.random }));
          for (const [at, { rows, indexSteps }] of steps.entries()) {
            const stored = rows.map((row) => ({
              ...row,
              text: row.text?.replaceAll("\0", "") ?? null,
            }));
            const outcomes = await writers[at % 2]?.insert(stored);
            if (at % 2 === 1) await foldAsBefore(database, stored);
            deepEqual(outcomes, plain.add(stored));
            for (const seqsMax of indexSteps)
              await indexMessages(database, "test", { seqsMax, blockRowsMax });
            await expectSame(reads, plain, asked);
          }
        },
      ),
      { numRuns: RUNS },
    );
  });
}

test("PostgreSQL: the search index is there on a new database", { skip }, async () => {
  equal(await searchIndexOf(database), "all letters");
});

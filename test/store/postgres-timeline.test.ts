import { after, before, test } from "node:test";
import { assert, asyncProperty } from "fast-check";
import { Database } from "../../src/store/postgres/database.ts";
import { indexMessages } from "../../src/store/postgres/index/index-messages.ts";
import { migrate } from "../../src/store/postgres/migrations.ts";
import { inSnapshot } from "../../src/store/postgres/reads/snapshot.ts";
import { timeline } from "../../src/store/postgres/reads/timeline.ts";
import { Writer } from "../../src/store/postgres/writer.ts";
import { PlainMessages } from "../support/plain-messages.ts";
import { freshDatabase, unlessPostgres } from "../support/postgres.ts";
import { propertyRuns } from "../support/property-runs.ts";
import { expectSameTimelines, zonedSteps } from "../support/zoned-timelines.ts";

const RUNS = propertyRuns(20);
const EMPTY = ["messages", "streams", "totals", "blocks"].map((table) => `TRUNCATE ${table}`);
const SNAPSHOT = {
  searchIndex: "none",
  oldFormsIndexed: true,
  msMax: 5_000,
  long: true,
} as const;

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

test("PostgreSQL: timelines of a zone equal a plain count of the messages, whatever is indexed", {
  skip,
}, async () => {
  const reads = {
    timeline: (query: Parameters<typeof timeline>[1]) =>
      inSnapshot(database, SNAPSHOT, (snapshot) => timeline(snapshot, query)),
  };
  await assert(
    asyncProperty(zonedSteps, async ({ zone, steps, queries }) => {
      for (const statement of EMPTY) await database.all(statement);
      await database.all("INSERT INTO blocks VALUES ('all', '', '', '', '', 0)");
      const plain = new PlainMessages();
      // Like two replicas.
      const writers = [0, 1].map(() => new Writer(database, { random: Math.random }));
      for (const [at, { rows, indexRows }] of steps.entries()) {
        await writers[at % 2]?.insert(rows);
        plain.add(rows);
        for (const seqsMax of indexRows)
          await indexMessages(database, "test", { seqsMax, blockRowsMax: 4 });
        await expectSameTimelines(reads, plain, zone, queries);
      }
    }),
    { numRuns: RUNS },
  );
});

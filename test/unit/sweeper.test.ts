import { deepEqual, equal, match } from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import { test } from "node:test";
import { systemClock } from "../../src/domain/clock.ts";
import { createLog } from "../../src/observe/log.ts";
import { createMetrics } from "../../src/observe/metrics.ts";
import { Sweeper } from "../../src/retention/sweeper.ts";
import type { RetentionStore } from "../../src/store/retention.ts";
import { SqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import { message } from "../store/exercise.ts";
import { temporaryDatabase } from "../support/sqlite-parts.ts";

const WAIT_MS_MAX = 20_000;
const DAY_MS = 86_400_000;
const daysAgo = (days: number) => new Date(Date.now() - days * DAY_MS).toISOString();

/** A sweeper that begins at once, and its log. */
async function swept(store: SqliteStore, retention: RetentionStore = store.retention) {
  const lines = new EventEmitter();
  const destination = { write: (line: string) => void lines.emit("line", JSON.parse(line)) };
  const metrics = createMetrics({ version: "0", node: "0" });
  const told = once(lines, "line", { signal: AbortSignal.timeout(WAIT_MS_MAX) });
  const sweeper = new Sweeper({
    ...{ store: retention, audit: store.access.audit, clock: systemClock, metrics, newId: () => "one" },
    ...{ log: createLog({ level: "INFO", destination, now: Date.now }), days: 10, tombstoneDays: 30, firstMs: 1 },
  });
  try {
    const [line] = await told;
    return { line, text: await metrics.render() };
  } finally {
    await sweeper.stop();
    await sweeper.stop();
  }
}

test("a sweep deletes what is too old, tells it on the log, in the metrics and in the audit", async () => {
  using file = temporaryDatabase();
  const store = await SqliteStore.open(file.path);
  try {
    await store.insertMessages(
      Array.from({ length: 30 }, (_, at) => message(`m${at}`, { createdAt: daysAgo(29.5 - at) })),
    );
    const { line, text } = await swept(store);
    deepEqual([line.level, line.msg, line.messages], ["INFO", "old messages deleted", 20]);
    match(text, /^messages_deleted_total\{reason="expired"\} 20$/m);
    match(text, /^retention_last_run_timestamp_seconds [1-9]/m);
    equal((await store.stats()).total, 10);
    const [entry] = await store.access.audit.newest({ limit: 1 });
    deepEqual([entry?.actor, entry?.action, entry?.details.messages], ["service", "retention.ran", 20]);
    // What deletes nothing is no news to the audit.
    equal((await swept(store)).line.messages, 0);
    equal((await store.access.audit.newest({ limit: 5 })).length, 1);
  } finally {
    await store.close();
  }
});

test("a sweep that fails says so without the database's own words, and one that another process does is left to it", async () => {
  using file = temporaryDatabase();
  const store = await SqliteStore.open(file.path);
  try {
    const failing = { ...store.retention, expire: () => Promise.reject(new Error("+919876543210 is private")) };
    const { line } = await swept(store, failing);
    deepEqual([line.level, line.msg], ["ERROR", "deleting old messages failed"]);
    equal(JSON.stringify(line).includes("private"), false);
    const asked = Promise.withResolvers<void>();
    const holdLease = async () => {
      asked.resolve();
      return false;
    };
    const expire = () => Promise.reject(new Error("another process sweeps"));
    const log = createLog({ level: "INFO", destination: { write: (text) => void written.push(text) }, now: Date.now });
    const written: string[] = [];
    const sweeper = new Sweeper({
      ...{ store: { ...store.retention, holdLease, expire }, audit: store.access.audit, clock: systemClock, log },
      ...{ metrics: createMetrics({ version: "0", node: "0" }), newId: () => "two" },
      ...{ days: 10, tombstoneDays: 30, firstMs: 1 },
    });
    await asked.promise;
    await sweeper.stop();
    deepEqual(written, []);
  } finally {
    await store.close();
  }
});

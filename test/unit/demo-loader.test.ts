import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { test } from "node:test";
import { type LoadProgress, loadMessages, sendersOf } from "../../src/cli/demo/loader.ts";
import { systemClock } from "../../src/domain/clock.ts";
import type { NewMessage } from "../../src/domain/message.ts";
import type { InsertOutcome } from "../../src/store/store.ts";

const NOW_MS = Date.UTC(2025, 0, 15, 10);
const COUNT = 12_000;

/** Takes rows like the store, and indexes a third of the rest at each poll. */
class FakeStore {
  readonly rows: NewMessage[] = [];
  inFlight = 0;
  inFlightMax = 0;
  backlog = 0;

  async insertMessages(rows: readonly NewMessage[]): Promise<readonly InsertOutcome[]> {
    this.inFlightMax = Math.max(this.inFlightMax, ++this.inFlight);
    await systemClock.sleep(1);
    this.rows.push(...rows);
    this.backlog += rows.length;
    this.inFlight--;
    return rows.map(() => "created");
  }

  backlogRows(): number {
    const { backlog } = this;
    this.backlog = backlog < 10 ? 0 : Math.floor(backlog / 3);
    return backlog;
  }
}

const clock = { ...systemClock, sleep: async () => undefined };
const options = { seed: 3, count: COUNT, nowMs: NOW_MS, clock };

test("a load stores the requested number of messages, one batch at a time, and ends when all are indexed", async () => {
  const store = new FakeStore();
  const progress: LoadProgress[] = [];
  const result = await loadMessages(store, {
    ...options,
    progress: (reached) => progress.push(reached),
  });
  equal(result.rows, COUNT);
  equal(store.rows.length, COUNT);
  equal(new Set(store.rows.map(({ messageId }) => messageId)).size, COUNT);
  equal(store.inFlightMax, 1);
  equal(store.backlog, 0);
  const stored = progress.filter(({ phase }) => phase === "storing");
  deepEqual(
    stored.map(({ done }) => done),
    [5_000, 10_000, COUNT],
  );
  const indexed = progress.slice(stored.length);
  ok(
    indexed.length > 1 &&
      indexed.every(({ phase, total }) => phase === "indexing" && total === COUNT),
  );
});

test("a load spreads over about a second per message, and each is received when it was sent", async () => {
  const store = new FakeStore();
  await loadMessages(store, options);
  const times = store.rows.map(({ createdAt }) => Date.parse(createdAt));
  ok(Math.max(...times) <= NOW_MS);
  ok(NOW_MS - Math.min(...times) <= COUNT * 1_000 && NOW_MS - Math.min(...times) > COUNT * 990);
  for (const { ts, createdAt } of store.rows) equal(Date.parse(ts), Date.parse(createdAt));
});

test("an interrupted load leaves nothing under way, and says so", async () => {
  const store = new FakeStore();
  const interrupted = new AbortController();
  const progress = () => interrupted.abort(new Error("enough"));
  await rejects(
    loadMessages(store, { ...options, signal: interrupted.signal, progress }),
    /enough/,
  );
  equal(store.rows.length, 5_000);
  equal(store.inFlight, 0);
});

test("a load fails with the store", async () => {
  const store = {
    insertMessages: () => Promise.reject(new Error("the disk is full")),
    backlogRows: () => 0,
  };
  await rejects(loadMessages(store, options), /the disk is full/);
});

test("more messages come from more people, within limits", () => {
  deepEqual([1, 10_000, 1_000_000, 20_000_000].map(sendersOf), [60, 100, 10_000, 100_000]);
});

import { deepEqual, equal, match, ok } from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import { test } from "node:test";
import { type Clock, systemClock } from "../../src/domain/clock.ts";
import { createLog } from "../../src/observe/log.ts";
import { Sweeper } from "../../src/retention/sweeper.ts";
import type { RetentionStore } from "../../src/store/retention.ts";
import { SqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import { message } from "../store/exercise.ts";
import { testRuntime } from "../support/runtime.ts";
import { temporaryDatabase } from "../support/sqlite-parts.ts";

const WAIT_MS_MAX = 20_000;
const DAY_MS = 86_400_000;
const daysAgo = (days: number) => new Date(Date.now() - days * DAY_MS).toISOString();

interface How {
  readonly days?: number | undefined;
  readonly clock?: Clock;
  /** Awaited when the sweeper has read the newest message, before its first sweep. */
  readonly beforeFirstSweep?: () => Promise<unknown>;
}

/** The clock of this machine, moved by some days. */
const movedBy = (days: number): Clock => ({
  ...systemClock,
  now: () => Date.now() + days * DAY_MS,
});

/** A sweeper that begins at once, and its log. */
async function swept(
  store: SqliteStore,
  retention: RetentionStore = store.retention,
  how: How = {},
) {
  const { clock = systemClock, beforeFirstSweep = async () => undefined } = how;
  const days = "days" in how ? how.days : 10;
  const lines = new EventEmitter();
  const destination = { write: (line: string) => void lines.emit("line", JSON.parse(line)) };
  const log = createLog({ level: "DEBUG", destination, now: Date.now });
  const runtime = testRuntime({ clock, log });
  const told = once(lines, "line", { signal: AbortSignal.timeout(WAIT_MS_MAX) });
  const sweeper = new Sweeper(runtime, {
    store: {
      ...retention,
      seedLastSweep: () =>
        retention
          .seedLastSweep()
          .then(beforeFirstSweep)
          .then(() => undefined),
    },
    audit: store.credentials.audit,
    total: async () => (await store.stats()).total,
    days,
    tombstoneDays: 30,
    firstMs: 1,
  });
  try {
    const [line] = await told;
    return { line, text: await runtime.metrics.render() };
  } finally {
    await sweeper.stop();
    await sweeper.stop();
  }
}

test("a sweep deletes old messages, and reports it in the log, the metrics and the audit", async () => {
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
    const [entry] = await store.credentials.audit.newest({ limit: 1 });
    deepEqual(
      [entry?.actor, entry?.action, entry?.details.messages],
      ["service", "retention.ran", 20],
    );
    // A sweep that deletes nothing is not audited.
    equal((await swept(store)).line.messages, 0);
    equal((await store.credentials.audit.newest({ limit: 5 })).length, 1);
  } finally {
    await store.close();
  }
});

test("a failed sweep is logged without the database's own words, and one that another process does is left to it", async () => {
  using file = temporaryDatabase();
  const store = await SqliteStore.open(file.path);
  try {
    const failing = {
      ...store.retention,
      expire: () => Promise.reject(new Error("+919876543210 is private")),
    };
    const { line } = await swept(store, failing);
    deepEqual([line.level, line.msg], ["ERROR", "deleting old messages failed"]);
    equal(JSON.stringify(line).includes("private"), false);
    const asked = Promise.withResolvers<void>();
    const holdLease = async () => {
      asked.resolve();
      return false;
    };
    const expire = () => Promise.reject(new Error("another process sweeps"));
    const runtime = testRuntime();
    const sweeper = new Sweeper(runtime, {
      store: { ...store.retention, holdLease, expire },
      audit: store.credentials.audit,
      total: async () => 0,
      days: 10,
      tombstoneDays: 30,
      firstMs: 1,
    });
    await asked.promise;
    await sweeper.stop();
    deepEqual(runtime.lines, []);
  } finally {
    await store.close();
  }
});

/** One a day, the newest half a day old. */
const daily = (count: number, youngest = 0.5, name = "m") =>
  Array.from({ length: count }, (_, at) =>
    message(`${name}${at}`, { createdAt: daysAgo(count - 1 - at + youngest) }),
  );

async function withStore(work: (store: SqliteStore) => Promise<void>): Promise<void> {
  using file = temporaryDatabase();
  const store = await SqliteStore.open(file.path);
  try {
    await work(store);
  } finally {
    await store.close();
  }
}

const totalOf = async (store: SqliteStore) => (await store.stats()).total;
const refused = (text: string) =>
  ["clock", "nearly_all"].filter((reason) =>
    text.includes(`retention_refused{reason="${reason}"} 1`),
  );

test("a stop lets the step under way end, and begins no other step", () =>
  withStore(async (store) => {
    await store.insertMessages(daily(30));
    const { retention } = store;
    const begun = Promise.withResolvers<void>();
    const end = Promise.withResolvers<void>();
    const steps: string[] = [];
    const note =
      <A, R>(name: string, step: (argument: A) => Promise<R>) =>
      (argument: A) => {
        steps.push(name);
        return step(argument);
      };
    const sweeper = new Sweeper(testRuntime(), {
      store: {
        ...retention,
        expire: note("expire", async (step: Parameters<typeof retention.expire>[0]) => {
          begun.resolve();
          await end.promise;
          return retention.expire(step);
        }),
        dropTombstones: note("dropTombstones", retention.dropTombstones),
        reclaimSpace: () => note("reclaimSpace", retention.reclaimSpace)(undefined),
        recordSweep: note("recordSweep", retention.recordSweep),
      },
      audit: store.credentials.audit,
      total: async () => steps.push("total"),
      days: 10,
      tombstoneDays: 30,
      firstMs: 1,
    });
    await begun.promise;
    const stopped = sweeper.stop();
    end.resolve();
    await stopped;
    deepEqual(steps, ["expire"]);
  }));

test("a clock 400 days ahead deletes nothing, even if messages arrive under it: ERROR, metric, and the way to confirm", () =>
  withStore(async (store) => {
    await store.insertMessages(daily(30));
    const clock = movedBy(400);
    const late = [message("late", { createdAt: new Date(clock.now()).toISOString() })];
    const how = { days: 365, clock, beforeFirstSweep: () => store.insertMessages(late) };
    const { line, text } = await swept(store, store.retention, how);
    deepEqual(
      [line.level, line.msg, line.reason],
      ["ERROR", "deleting old messages refused", "clock"],
    );
    match(
      line.error,
      /40[01] days ahead of .* If the clock is wrong, set it: .* confirm it with lyftr retention\./,
    );
    deepEqual([await totalOf(store), refused(text)], [31, ["clock"]]);
    // Again and again; once it is corrected, sweeps continue by themselves.
    deepEqual(refused((await swept(store, store.retention, how)).text), ["clock"]);
    const again = await swept(store, store.retention, { days: 20 });
    deepEqual(
      [again.line.msg, again.line.messages, refused(again.text)],
      ["old messages deleted", 10, []],
    );
  }));

test("a clock that jumped by more than a week since the last sweep is refused, in both directions", () =>
  withStore(async (store) => {
    await store.insertMessages(daily(300));
    equal((await swept(store, store.retention, { days: 290 })).line.messages, 10);
    for (const [moved, reasons] of [
      [30, ["clock"]],
      [-30, ["clock"]],
      [8, ["clock"]],
      [6, []],
      [-0.5, []],
    ] as const)
      deepEqual(
        refused((await swept(store, store.retention, { days: 290, clock: movedBy(moved) })).text),
        reasons,
        `${moved}`,
      );
  }));

test("a sweep that would delete nearly all messages is refused, unless they became old since the last sweep", () =>
  withStore(async (store) => {
    await store.insertMessages(daily(100));
    const first = await swept(store, store.retention, { days: 10 });
    deepEqual(
      [first.line.level, first.line.reason, refused(first.text)],
      ["ERROR", "nearly_all", ["nearly_all"]],
    );
    match(
      first.line.error,
      /^90 of 100 messages were received before .* Check RETENTION_DAYS and the clock/,
    );
    equal(await totalOf(store), 100);
    // Not so a step of a few days at a time, nor a service without new messages that becomes empty.
    equal((await swept(store, store.retention, { days: 50 })).line.messages, 50);
    equal((await swept(store, store.retention, { days: 20 })).line.messages, 30);
    for (let moved = 0.9; moved < 22; moved += 0.9) {
      const { line } = await swept(store, store.retention, { days: 20, clock: movedBy(moved) });
      equal(line.msg, "old messages deleted", JSON.stringify(line));
    }
    equal(await totalOf(store), 0);
  }));

test("old messages from an import do not count as messages that have become old", () =>
  withStore(async (store) => {
    await store.insertMessages(daily(5));
    equal((await swept(store)).line.messages, 0);
    await store.insertMessages(daily(95, 100, "imported"));
    const { line } = await swept(store, store.retention, { clock: movedBy(0.5) });
    deepEqual([line.reason, await totalOf(store)], ["nearly_all", 100]);
  }));

test("without retention a clock that has jumped does not matter, unless tombstones would expire", () =>
  withStore(async (store) => {
    const off = { days: undefined };
    await store.insertMessages(daily(30));
    const { line: quiet } = await swept(store, store.retention, { ...off, clock: movedBy(100) });
    // Without retention the log does not say that old messages were deleted.
    deepEqual(
      [quiet.level, quiet.msg, quiet.tombstones_dropped],
      ["DEBUG", "tombstones dropped", 0],
    );
    // The right clock is the one that has jumped now.
    equal((await swept(store, store.retention, off)).line.level, "DEBUG");
    equal((await swept(store, store.retention, { days: 20 })).line.messages, 10);
    const { line } = await swept(store, store.retention, { ...off, clock: movedBy(100) });
    deepEqual([line.level, line.reason], ["ERROR", "clock"]);
    ok((await store.insertMessages(daily(30))).every((outcome) => outcome !== "created"));
    equal((await swept(store, store.retention, off)).line.tombstones_dropped, 0);
  }));

test("a wall clock that jumps during a sweep deletes nothing more, and is not recorded", () =>
  withStore(async (store) => {
    await store.insertMessages(daily(30));
    let movedDays = 0;
    const clock = { ...systemClock, now: () => Date.now() + movedDays * DAY_MS };
    const jumping = {
      ...store.retention,
      expire: async (step: Parameters<RetentionStore["expire"]>[0]) => {
        const done = await store.retention.expire(step);
        movedDays = 400;
        return done;
      },
    };
    const { line } = await swept(store, jumping, { days: 20, clock });
    deepEqual([line.msg, line.messages, await totalOf(store)], ["old messages deleted", 10, 20]);
    const { at = "", receivedBefore } = (await store.retention.lastSweep()) ?? {};
    ok(Math.abs(Date.parse(at) - Date.now()) < DAY_MS, at);
    equal(receivedBefore, line.received_before);
  }));

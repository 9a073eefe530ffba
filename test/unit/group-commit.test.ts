import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type Clock, systemClock } from "../../src/domain/clock.ts";
import { Overloaded, StoreUnavailable } from "../../src/domain/errors.ts";
import type { NewMessage } from "../../src/domain/message.ts";
import { CommitPace } from "../../src/ingest/commit-pace.ts";
import { GroupCommit } from "../../src/ingest/group-commit.ts";
import type { InsertOutcome } from "../../src/store/store.ts";
import { message } from "../store/exercise.ts";
import { HandClock } from "../support/hand-clock.ts";
import { testRuntime } from "../support/runtime.ts";

type Insert = (ids: readonly string[]) => Promise<readonly InsertOutcome[]>;

/** A committer over a store that records its batches and behaves as `insert` says. */
function committer(
  insert: Insert = async (ids) => ids.map(() => "created"),
  clock: Clock = systemClock,
) {
  const batches: string[][] = [];
  const store = {
    insertMessages: (rows: readonly NewMessage[]) => {
      const ids = rows.map(({ messageId }) => String(messageId));
      batches.push(ids);
      return insert(ids);
    },
  };
  const group = new GroupCommit(testRuntime({ clock }), { store });
  return { group, batches, add: (id: string, bytes = 100) => group.insert(message(id), bytes) };
}

test("messages that arrive together share one batch", async () => {
  const { batches, add } = committer();
  await Promise.all(["a", "b", "c"].map((id) => add(id)));
  deepEqual(batches, [["a", "b", "c"]]);
});

test("a batch contains a few MiB of long messages, and a longer message has its own", async () => {
  const { batches, add } = committer();
  const MIB = 1024 * 1024;
  await Promise.all([
    add("a", 3 * MIB),
    add("b", MIB),
    add("c", 1),
    add("d", 5 * MIB),
    add("e", 1),
  ]);
  deepEqual(batches, [["a", "b"], ["c"], ["d"], ["e"]]);
});

test("while a batch is being committed the next one gathers, and each caller is answered after its own", async () => {
  const gate = Promise.withResolvers<void>();
  const { batches, add } = committer(async (ids) => {
    if (ids.includes("a")) await gate.promise;
    return ids.map(() => "created");
  });
  const answered: string[] = [];
  const first = add("a").then(() => answered.push("a"));
  await new Promise(setImmediate);
  const rest = ["b", "c"].map((id) => add(id).then(() => answered.push(id)));
  await new Promise(setImmediate);
  deepEqual([batches, answered], [[["a"]], []]);
  gate.resolve();
  await Promise.all([first, ...rest]);
  deepEqual(
    [batches, answered],
    [
      [["a"], ["b", "c"]],
      ["a", "b", "c"],
    ],
  );
});

test("each caller gets its own outcome", async () => {
  const { add } = committer(async (ids) => ids.map((id) => id as InsertOutcome));
  deepEqual(await Promise.all(["created", "duplicate", "conflict"].map((id) => add(id))), [
    "created",
    "duplicate",
    "conflict",
  ]);
});

test("a batch contains at most 512 messages", async () => {
  const { batches, add } = committer();
  await Promise.all(Array.from({ length: 1_100 }, (_, index) => add(String(index))));
  deepEqual(
    batches.map(({ length }) => length),
    [512, 512, 76],
  );
});

test("a bad row fails alone: the other rows are stored one by one", async () => {
  const { add } = committer(async (ids) => {
    if (ids.includes("bad")) throw new Error("constraint");
    return ids.map(() => "created");
  });
  const results = await Promise.allSettled(["a", "bad", "b"].map((id) => add(id)));
  deepEqual(
    results.map(({ status }) => status),
    ["fulfilled", "rejected", "fulfilled"],
  );
});

test("when the database is unavailable all waiting callers get the error at once, and nothing is tried row by row", async () => {
  const gate = Promise.withResolvers<never>();
  const { batches, add } = committer(() => gate.promise);
  const first = add("a");
  await new Promise(setImmediate);
  const behind = add("b");
  gate.reject(new StoreUnavailable("locked"));
  await rejects(first, StoreUnavailable);
  await rejects(behind, StoreUnavailable);
  deepEqual(batches, [["a"]]);
});

test("beyond 10,000 waiting messages the next one is refused, and accepted again when there is room", async () => {
  const gate = Promise.withResolvers<void>();
  const { group, add } = committer(async (ids) => {
    await gate.promise;
    return ids.map(() => "created");
  });
  const waiting = Array.from({ length: 10_000 }, (_, index) => add(String(index)));
  await rejects(add("one more"), Overloaded);
  gate.resolve();
  await Promise.all(waiting);
  equal(group.queueRows(), 0);
  equal(await add("again"), "created");
});

test("beyond 64 MiB of waiting messages the next one is refused", async () => {
  const { group, add } = committer();
  const half = 32 * 1024 * 1024;
  const waiting = [add("a", half), add("b", half)];
  equal(group.queueBytes(), 2 * half);
  await rejects(add("c", 1), Overloaded);
  await Promise.all(waiting);
  equal(group.queueBytes(), 0);
});

test("stopping answers accepted messages and refuses later ones", async () => {
  const { group, add } = committer();
  const accepted = add("a");
  await group.stop();
  await group.stop();
  equal(await accepted, "created");
  await rejects(add("b"), StoreUnavailable);
});

test("sixteen messages do not wait for the rest of their turn of the event loop", async () => {
  const { batches, add } = committer();
  const waiting: Promise<unknown>[] = [];
  for (let n = 0; n < 20; n++) {
    waiting.push(add(String(n)));
    // Like between two requests of one turn.
    await Promise.resolve();
  }
  await Promise.all(waiting);
  equal(batches[0]?.length, 16);
});

test("when the database becomes unavailable row by row, the rest of the batch fails without being tried", async () => {
  const { batches, add } = committer(async (ids) => {
    if (ids.length > 1) throw new Error("constraint");
    if (ids[0] === "b") throw new StoreUnavailable("locked");
    return ["created"];
  });
  const results = await Promise.allSettled(["a", "b", "c", "d"].map((id) => add(id)));
  deepEqual(
    results.map(({ status }) => status),
    ["fulfilled", "rejected", "rejected", "rejected"],
  );
  deepEqual(batches, [["a", "b", "c", "d"], ["a"], ["b"]]);
});

test("the delay of the queue is how long the oldest of the newest batch had waited, and of the waiting ones when no batch is taken for long", async () => {
  let nowMs = 0;
  const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const left = [...gates];
  const group = new GroupCommit(
    testRuntime({ clock: { ...systemClock, monotonic: () => nowMs } }),
    {
      store: {
        insertMessages: async (rows) => {
          await left.shift()?.promise;
          return rows.map(() => "created" as const);
        },
      },
    },
  );
  const add = (id: string) => group.insert(message(id), 100);
  const turn = () => new Promise(setImmediate);
  equal(group.queueDelayMs(), 0);
  const first = add("a");
  await turn();
  const second = add("b");
  // Behind one slow batch: nothing is known yet.
  nowMs = 1_400;
  equal(group.queueDelayMs(), 0);
  nowMs = 1_600;
  equal(group.queueDelayMs(), 1_600);
  gates[0]?.resolve();
  await first;
  const third = add("c");
  equal(group.queueDelayMs(), 1_600);
  gates[1]?.resolve();
  await Promise.all([second, third]);
  equal(group.queueDelayMs(), 0);
});

test("the oldest message ages in the queue and in its batch, until it is answered", async () => {
  const gate = Promise.withResolvers<void>();
  const clock = new HandClock();
  const { group, add } = committer(async (ids) => {
    await gate.promise;
    return ids.map(() => "created");
  }, clock);
  equal(group.oldestAgeMs(), 0);
  const first = add("a");
  await clock.advance(100);
  deepEqual([group.queueRows(), group.oldestAgeMs()], [0, 100]);
  const second = add("b");
  await clock.advance(50);
  deepEqual([group.queueRows(), group.oldestAgeMs()], [1, 150]);
  gate.resolve();
  await Promise.all([first, second]);
  equal(group.oldestAgeMs(), 0);
});

/**
 * This many senders that send the next message after each answer, for this many batches that take
 * `commitMs`.
 */
async function batchSizes(
  count: number,
  commitMs: number,
  batchesMax: number,
): Promise<readonly number[]> {
  const { batches, add } = committer(async (ids) => {
    await sleep(commitMs);
    return ids.map(() => "created");
  });
  let sent = 0;
  const sender = async () => {
    while (batches.length < batchesMax) {
      await add(`m${++sent}`);
      // The way to the sender and back.
      await sleep(1);
    }
  };
  await Promise.all(Array.from({ length: count }, sender));
  return batches.slice(0, batchesMax).map(({ length }) => length);
}

test("on a slow disk a batch waits for the answered senders, so that all share the next fsync", async () => {
  const sizes = await batchSizes(64, 60, 12);
  const later = sizes.slice(-5);
  equal(later.filter((size) => size >= 60).length >= 4, true, `batches of ${sizes}`);
});

test("a disk is slow when each of four commits takes longer than its rows do", () => {
  const pace = new CommitPace();
  const seen = (commits: readonly (readonly [rows: number, ms: number])[]) => {
    for (const [rows, ms] of commits) pace.note(rows, ms);
    return [pace.slowMs, pace.rowsMax];
  };
  deepEqual(seen([]), [0, 512]);
  deepEqual(seen([...Array(3).fill([10, 101])]), [0, 512]);
  deepEqual(seen([[10, 101]]), [100, 2_000]);
  deepEqual(seen([[10, 1_001]]), [100, 2_000]);
  // A single fast one is enough to change that.
  deepEqual(seen([[10, 3]]), [0, 512]);
  // Rows take time as well.
  deepEqual(seen([...Array(4).fill([512, 70])]), [0, 512]);
  deepEqual(seen([...Array(4).fill([10, 801])]), [800, 4_096]);
});

test("after batches that gathered in vain, fewer and fewer batches gather, until one gathers in time", () => {
  const pace = new CommitPace();
  const untilGathers = () => {
    for (let commits = 0; ; commits++) {
      if (pace.gathers) return commits;
      pace.note(10, 101);
    }
  };
  equal(untilGathers(), 4);
  const commits = [];
  for (let times = 0; times < 7; times++) {
    pace.noteGathered(true);
    commits.push(untilGathers());
  }
  deepEqual(commits, [16, 32, 64, 128, 256, 512, 512]);
  pace.noteGathered(false);
  equal(untilGathers(), 0);
  pace.noteGathered(true);
  equal(untilGathers(), 16);
});

test("on a slow disk batches do not wait for senders that need longer than the fsync", async () => {
  /** How long the disk was idle before each commit. */
  const idleMs: number[] = [];
  let endMs = performance.now();
  const { add } = committer(async (ids) => {
    idleMs.push(performance.now() - endMs);
    await sleep(60);
    endMs = performance.now();
    return ids.map(() => "created");
  });
  let sent = 0;
  const sender = async (away: number) => {
    while (idleMs.length < 30) {
      await add(`m${++sent}`);
      // The senders come back one after the other, the last after 120 ms.
      await sleep(2 * away);
    }
  };
  await Promise.all(Array.from({ length: 60 }, (_, away) => sender(away)));
  const gathered = idleMs.slice(-11).filter((ms) => ms > 20).length;
  ok(gathered <= 5, `the disk had nothing to do for ${idleMs.map(Math.round)} ms`);
});

test("on a slow disk a batch contains more than 512 messages", async () => {
  const sizes = await batchSizes(900, 150, 10);
  equal(Math.max(...sizes) > 800, true, `batches of ${sizes}`);
});

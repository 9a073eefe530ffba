import { deepEqual, equal, ok } from "node:assert/strict";
import type { NewMessage } from "../../src/domain/message.ts";
import type { DeletedStep } from "../../src/store/retention.ts";
import type { Store } from "../../src/store/store.ts";
import { PlainMessages } from "../support/plain-messages.ts";
import { message, query } from "./exercise.ts";

type Check = (
  title: string,
  body: (store: Store, reopen: () => Promise<Store>) => Promise<void>,
) => void;

const DAY = 24 * 60 * 60 * 1_000;
const STEPS_MAX = 10_000;
const UNTIL = "2025-03-01T00:00:00.000Z";

/** The beginning of a day of January. */
export const day = (number: number) =>
  new Date(Date.UTC(2025, 0, 1) + (number - 1) * DAY).toISOString();

/** One message a day, from the first on: three senders, two receivers. */
export function january(count: number, name = "m"): readonly NewMessage[] {
  return Array.from({ length: count }, (_, n) =>
    message(`${name}${n}`, {
      from: `+10${n % 3}`,
      to: `+20${n % 2}`,
      ts: `2025-01-15T10:${String(n % 60).padStart(2, "0")}:00Z`,
      text: n % 5 === 0 ? null : `text ${n} of ${name}`,
      createdAt: day(n + 1),
    }),
  );
}

/** Step by step to the end. Resolves with the number of deleted messages. */
export async function inSteps(
  next: (position: string | undefined) => Promise<DeletedStep>,
): Promise<number> {
  let [deleted, position]: [number, string | undefined] = [0, undefined];
  for (let steps = 0; steps < STEPS_MAX; steps++) {
    const step = await next(position);
    deleted += step.deleted;
    position = step.position;
    if (position === undefined) return deleted;
  }
  throw new Error("it never comes to its end");
}

interface How {
  readonly rowsMax?: number;
  readonly dryRun?: boolean;
}

export function expireAll(
  { retention }: Pick<Store, "retention">,
  receivedBefore: string,
  how: How = {},
) {
  return inSteps((position) =>
    retention.expire({
      position,
      receivedBefore,
      everywhere: true,
      rowsMax: 100,
      tombstonesUntil: UNTIL,
      ...how,
    }),
  );
}

export function eraseAll({ retention }: Pick<Store, "retention">, msisdn: string, how: How = {}) {
  return inSteps((position) =>
    retention.erase({ position, msisdn, rowsMax: 100, tombstonesUntil: UNTIL, ...how }),
  );
}

/** Compares every answer of a store with a scan of all messages that must be left. */
async function expectOnly(store: Store, left: readonly NewMessage[]): Promise<void> {
  const plain = new PlainMessages();
  plain.add(left);
  const stats = await store.stats();
  deepEqual(
    { ...stats, topSenders: stats.topSenders.map((sender) => ({ ...sender })) },
    plain.stats(),
  );
  const { senders } = await store.findSenders({ limit: 100, offset: 0 });
  deepEqual(
    senders.map((sender) => ({ ...sender })),
    plain.senders(),
  );
  const spans = await store.timeline({ bucket: "minute", bucketsMax: 1_000 });
  deepEqual(
    spans.map((span) => ({ ...span })),
    plain.timeline(16, {}),
  );
  for (const parameters of [
    {},
    { from: "+100" },
    { to: "+201" },
    { q: "text 1" },
    { q: "xt" },
    { offset: "7" },
  ]) {
    const asked = query({ limit: "100", ...parameters });
    const page = await store.findMessages(asked);
    const { ids, total } = plain.page(asked);
    const found = page.messages.map(({ source, messageId }) => `${source}/${messageId}`);
    deepEqual([found, page.total], [ids, total], JSON.stringify(parameters));
  }
}

async function untilIndexed(store: Store): Promise<void> {
  for (const deadline = performance.now() + 20_000; store.backlogRows() > 0; ) {
    ok(performance.now() < deadline, "what was stored is never indexed");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Deletion in every backend. */
export function exerciseRetention(check: Check): void {
  for (const state of ["indexed", "not indexed yet"] as const) {
    check(
      `none, some or all of the messages expire, ${state}, and every answer covers exactly the rest`,
      async (store) => {
        const all = january(40);
        await store.insertMessages(all);
        if (state === "indexed") await untilIndexed(store);
        equal(await expireAll(store, day(1)), 0);
        await expectOnly(store, all);
        equal(await expireAll(store, day(18)), 17);
        await expectOnly(store, all.slice(17));
        equal(await expireAll(store, day(100)), 23);
        await expectOnly(store, []);
        await store.insertMessages(january(12, "later"));
        await expectOnly(store, january(12, "later"));
      },
    );

    check(
      `a person is erased as sender and as receiver, ${state}, and no other person`,
      async (store) => {
        const all = [
          ...january(30),
          message("to", { to: "+100", text: "text 1 to" }),
          message("self", { from: "+100" }),
        ];
        await store.insertMessages(all);
        if (state === "indexed") await untilIndexed(store);
        const others = all.filter(
          ({ from, to }) => String(from) !== "+100" && String(to) !== "+100",
        );
        equal(await eraseAll(store, "+10"), 0);
        equal(await eraseAll(store, "+100"), all.length - others.length);
        await expectOnly(store, others);
        equal(await eraseAll(store, "+100"), 0);
        ok(Array.isArray(await store.retention.scrub()));
        await expectOnly(store, others);
      },
    );
  }

  check("deleting in small steps deletes as much, each step no more than it may", async (store) => {
    await store.insertMessages(january(30));
    const sizes: number[] = [];
    const deleted = await inSteps(async (position) => {
      const step = {
        position,
        receivedBefore: day(21),
        everywhere: true,
        rowsMax: 7,
        tombstonesUntil: UNTIL,
      };
      const done = await store.retention.expire(step);
      sizes.push(done.deleted);
      return done;
    });
    equal(deleted, 20);
    ok(sizes.every((size) => size <= 7) && sizes.length >= 3, sizes.join(", "));
    equal(await eraseAll(store, "+200", { rowsMax: 2 }), 5);
    equal((await store.stats()).total, 5);
  });

  check("a dry run returns the number, and deletes nothing", async (store) => {
    const all = january(20);
    await store.insertMessages(all);
    equal(await expireAll(store, day(11), { dryRun: true }), 10);
    equal(await eraseAll(store, "+101", { dryRun: true }), 7);
    await expectOnly(store, all);
    deepEqual(await store.insertMessages(all.slice(0, 1)), ["duplicate"]);
  });

  check(
    "a deleted message is a duplicate, whatever its content, until its tombstone is dropped",
    async (store, reopen) => {
      const all = january(10);
      await store.insertMessages(all);
      equal(await expireAll(store, day(6)), 5);
      const late = [
        all[0],
        message("m1", { text: "other" }),
        message("m1", { source: "other" }),
        message("new"),
      ];
      deepEqual(await store.insertMessages(late as NewMessage[]), [
        "duplicate",
        "duplicate",
        "created",
        "created",
      ]);
      deepEqual(await store.insertMessages([all[9] as NewMessage, message("m9")]), [
        "duplicate",
        "conflict",
      ]);
      const again = await reopen();
      deepEqual(await again.insertMessages(all.slice(0, 5)), Array(5).fill("duplicate"));
      equal(
        await again.retention.dropTombstones({ now: "2025-02-28T23:59:59.999Z", rowsMax: 100 }),
        0,
      );
      equal(await again.retention.dropTombstones({ now: UNTIL, rowsMax: 3 }), 3);
      equal(await again.retention.dropTombstones({ now: UNTIL, rowsMax: 3 }), 2);
      deepEqual(await again.insertMessages(all.slice(0, 5)), Array(5).fill("created"));
      equal((await again.stats()).total, 12);
    },
  );

  check("an older cursor continues after deleted messages", async (store) => {
    const all = january(20);
    await store.insertMessages(all);
    const first = await store.findMessages(query({ limit: "8" }));
    equal(await expireAll(store, day(11)), 10);
    ok(first.next !== null);
    const { messages } = await store.findMessages({
      ...query({ limit: "100" }),
      cursor: first.next,
    });
    deepEqual(
      messages.map(({ messageId }) => messageId),
      all.slice(10).map(({ messageId }) => messageId),
    );
  });

  check("while messages arrive, expiry and erasure delete exactly theirs", async (store) => {
    const young = (n: number) =>
      message(`young${n}`, { from: "+300", to: "+400", createdAt: day(60) });
    await store.insertMessages(january(31));
    let stop = false;
    let stored = 0;
    const storing = (async () => {
      while (!stop && stored < 2_000)
        await store.insertMessages([young(stored++), young(stored++)]);
    })();
    equal(await expireAll(store, day(16), { rowsMax: 2 }), 15);
    const left = january(31).slice(15);
    const erased = left.filter(({ from }) => String(from) === "+101");
    equal(await eraseAll(store, "+101", { rowsMax: 1 }), erased.length);
    stop = true;
    await storing;
    const kept = left.filter((row) => !erased.includes(row));
    await expectOnly(store, [...kept, ...Array.from({ length: stored }, (_, n) => young(n))]);
  });

  check("only one process sweeps: the holder of the lease keeps it", async (store) => {
    equal(await store.retention.holdLease("this one", 60), true);
    equal(await store.retention.holdLease("this one", 60), true);
    ok((await store.retention.reclaimSpace()) >= 0);
  });

  check(
    "the last sweep is recorded; before the first one the newest message stands in for it",
    async (store, reopen) => {
      const { retention } = store;
      await retention.seedLastSweep();
      equal(await retention.lastSweep(), undefined);
      await store.insertMessages(january(10));
      await retention.seedLastSweep();
      deepEqual(
        { ...(await retention.lastSweep()) },
        { at: day(10), receivedBefore: null, fullScanAt: null },
      );
      const sweep = { at: day(20), receivedBefore: day(3), fullScanAt: day(19) };
      await retention.recordSweep(sweep);
      await retention.seedLastSweep();
      deepEqual({ ...(await (await reopen()).retention.lastSweep()) }, sweep);
    },
  );

  check("an expired tombstone is detected", async (store) => {
    await store.insertMessages(january(2));
    equal(await store.retention.hasEndedTombstones(UNTIL), false);
    await expireAll(store, day(2));
    deepEqual(
      [
        await store.retention.hasEndedTombstones(day(30)),
        await store.retention.hasEndedTombstones(UNTIL),
      ],
      [false, true],
    );
  });
}

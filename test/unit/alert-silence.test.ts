import { deepEqual, equal } from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { SilenceWatch } from "../../src/alerts/silence.ts";
import { SqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import type { Store } from "../../src/store/store.ts";
import { message } from "../store/exercise.ts";
import { HandClock } from "../support/hand-clock.ts";

const MINUTE_MS = 60_000;
/** The clock begins on a Wednesday at ten. */
const BEGIN_MS = Date.parse("2025-01-15T10:00:00Z");

interface Watched {
  readonly store: Store;
  readonly clock: HandClock;
  /** The number of received messages. */
  received: number;
  /** Measures every five seconds for this many minutes, and once more. */
  watch(minutes: number): Promise<Awaited<ReturnType<SilenceWatch["measure"]>>>;
}

async function watching(
  body: (watched: Watched) => Promise<void>,
  msMax: number | undefined = 60 * MINUTE_MS,
) {
  const folder = mkdtempSync(join(tmpdir(), "lyftr-silence-"));
  const store = await SqliteStore.open(join(folder, "app.db"));
  const clock = new HandClock();
  const silence = new SilenceWatch({ store, clock, msMax, received: () => watched.received });
  const watched: Watched = {
    store,
    clock,
    received: 0,
    watch: async (minutes) => {
      for (let look = 0; look < minutes * 12; look++) {
        await silence.measure();
        await clock.advance(5_000);
      }
      return silence.measure();
    },
  };
  try {
    await body(watched);
  } finally {
    await store.close();
    rmSync(folder, { recursive: true });
  }
}

/** Messages half an hour after the clock's start, and two hours after it, this many days before. */
async function busyOn(store: Store, days: readonly number[], messages = 10): Promise<void> {
  for (const day of days) {
    const at = (minutes: number) =>
      new Date(BEGIN_MS - day * 86_400_000 + minutes * MINUTE_MS).toISOString();
    const rows = Array.from({ length: messages }, (_, n) =>
      [30, 120].map((minutes) => message(`${day} ${minutes} ${n}`, { ts: at(minutes) })),
    );
    await store.insertMessages(rows.flat());
  }
}

test("an hour without a message is unusual if there were ten a week ago and on three days since", async () => {
  await watching(async ({ store, watch }) => {
    await busyOn(store, [1, 2, 3, 7]);
    deepEqual(await watch(59), {
      ms: 59 * MINUTE_MS,
      hasReceived: false,
      msMax: 3_600_000,
      unusual: undefined,
    });
    deepEqual(await watch(1), {
      ms: 60 * MINUTE_MS,
      hasReceived: false,
      msMax: 3_600_000,
      unusual: true,
    });
  });
});

for (const [what, days, messages] of [
  ["nothing is stored", [], 10],
  ["it is younger than a week", [1, 2, 3, 4, 5, 6], 10],
  ["this day of the week is quiet", [1, 2, 5, 6], 10],
  ["one day a week is busy", [7], 10],
  ["two days since were busy", [1, 2, 7], 10],
  ["a few messages are all there ever were", [1, 2, 3, 4, 5, 6, 7], 9],
] as const) {
  test(`silence is not unusual where ${what}`, async () => {
    await watching(async ({ store, watch }) => {
      await busyOn(store, days, messages);
      equal((await watch(60)).unusual, false);
    });
  });
}

test("a message that this process took, or another stored, ends it", async () => {
  await watching(async (watched) => {
    const { store, watch } = watched;
    await busyOn(store, [1, 2, 3, 7]);
    equal((await watch(70)).unusual, true);
    watched.received = 1;
    deepEqual(await watch(0), { ms: 0, hasReceived: true, msMax: 3_600_000, unusual: undefined });
    equal((await watch(65)).unusual, true);
    await store.insertMessages([message("of another")]);
    const { ms = Number.NaN, unusual } = await watch(2);
    deepEqual([ms <= 2 * MINUTE_MS, unusual], [true, undefined]);
  });
});

test("without the rule the database is not asked, and without an answer nothing is unusual", async () => {
  await watching(async ({ watch, store }) => {
    await store.close();
    const { unusual, ms } = await watch(61);
    deepEqual([unusual, ms], [undefined, 61 * MINUTE_MS]);
  });
  const never = () => Promise.reject(new Error("asked"));
  const off = new SilenceWatch({
    store: { stats: never, timeline: never },
    clock: new HandClock(),
    received: () => 0,
    msMax: undefined,
  });
  deepEqual(await off.measure(), { ms: undefined, hasReceived: false, msMax: 0, unusual: false });
});

import { deepEqual, equal, ok } from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { keyOf } from "../../src/domain/api-key.ts";
import { StoreUnavailable } from "../../src/domain/errors.ts";
import { ApiKeys } from "../../src/keys/api-keys.ts";
import { type IssuedKey, KeyIssuer } from "../../src/keys/key-issuer.ts";
import type { KeyStore } from "../../src/store/credentials.ts";
import { createdAccess } from "../support/api-keys.ts";
import { temporaryFolder } from "../support/cli.ts";
import { HandClock } from "../support/hand-clock.ts";
import { propertyRuns } from "../support/property-runs.ts";
import { testRuntime } from "../support/runtime.ts";

const GUESSES = propertyRuns(1_000_000);
const HEAP_BYTES_MAX = 20_000_000;

type Condition = "well" | "refusing" | "hanging" | "slow to tell all";

/**
 * The keys of a service, another process that changes them in the same database, and a database
 * that can be made to fail for the service.
 */
class Bench implements AsyncDisposable {
  readonly clock = new HandClock();
  readonly #runtime = testRuntime({ clock: this.clock });
  readonly lines = this.#runtime.lines;
  readonly other: KeyIssuer;
  readonly keys: ApiKeys;
  readonly store: KeyStore;
  condition: Condition = "well";
  /** Hanging calls, and functions to release them. */
  readonly hanging: (() => void)[] = [];
  readonly #close: () => Promise<void>;

  static async start(
    prepare: (other: KeyIssuer) => Promise<unknown> = async () => undefined,
  ): Promise<Bench> {
    const folder = temporaryFolder();
    const access = await createdAccess(`sqlite:///${folder.file("app.db")}`);
    const bench = new Bench(access.keys, async () => {
      await access.close();
      folder[Symbol.dispose]();
    });
    await prepare(bench.other);
    const options = {
      store: bench.#failing(access.keys),
      issuer: bench.other,
      adminKey: undefined,
    };
    return Object.assign(bench, { keys: await ApiKeys.start(bench.#runtime, options) });
  }

  private constructor(store: KeyStore, close: () => Promise<void>) {
    this.store = store;
    this.keys = undefined as never;
    this.other = new KeyIssuer(this.#runtime, { store, randomBytes });
    this.#close = close;
  }

  async make(name: string, lifeMs?: number): Promise<IssuedKey> {
    const creation = await this.other.create({ name, scope: "read", lifeMs }, "test");
    ok(creation.kind === "created");
    return creation;
  }

  accepts({ text }: IssuedKey): boolean {
    return this.keys.authenticate(text) !== undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.condition = "well";
    for (const go of this.hanging) go();
    const closed = this.keys.close();
    await this.clock.advance(10_000);
    await closed;
    await this.#close();
  }

  #failing(store: KeyStore): KeyStore {
    const through = async <T>(call: () => Promise<T>, asksForAll = false): Promise<T> => {
      if (this.condition === "refusing") throw new StoreUnavailable("the database is unavailable");
      const answer = call();
      const hangs =
        this.condition === "hanging" || (this.condition === "slow to tell all" && asksForAll);
      if (hangs) await new Promise<void>((resolve) => this.hanging.push(resolve));
      return answer;
    };
    return {
      ...store,
      version: () => through(() => store.version()),
      all: () => through(() => store.all(), true),
      touch: (uses) => through(() => store.touch(uses)),
    };
  }
}

test("the reason why a text is not an accepted key is known, for the log", async () => {
  await using bench = await Bench.start();
  const [revoked, expired, retired, live] = [
    await bench.make("revoked"),
    await bench.make("expired", 5_000),
    await bench.make("retired"),
    await bench.make("live"),
  ];
  await bench.other.revoke({ name: "revoked" }, "test");
  await bench.other.rotate(retired.key.id, 5_000, "test");
  await bench.clock.advance(10_000);
  for (const [key, reason] of [
    [revoked, "revoked"],
    [expired, "expired"],
    [retired, "retired"],
  ] as const) {
    equal(bench.accepts(key), false);
    equal(bench.keys.refusalOf(key.text), reason);
  }
  ok(bench.accepts(live));
  equal(bench.keys.refusalOf(keyOf(randomBytes(32))), "unknown");
  for (const text of ["", "lyftr_", live.text.slice(0, -1), `${live.text}x`])
    equal(bench.keys.refusalOf(text), "malformed");
});

test("a million guesses are refused, and none of them is stored", {
  timeout: 120_000,
}, async () => {
  await using bench = await Bench.start(async (other) => {
    for (let name = 0; name < 100; name++)
      await other.create({ name: `k${name}`, scope: "admin" }, "test");
  });
  const good = await bench.make("good");
  await bench.clock.advance(2_000);
  ok(bench.accepts(good));
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  collect();
  const before = process.memoryUsage().heapUsed;
  const bytes = randomBytes(32);
  const accepted: string[] = [];
  for (let guess = 0; guess < GUESSES; guess++) {
    bytes.writeUInt32LE(guess, guess % 28);
    // Valid keys, whose checksums match, are expensive to make: one in ten.
    const text =
      guess % 10 === 0 ? keyOf(bytes) : good.text.slice(0, guess % 55) + guess.toString(36);
    // One run in a hundred guesses the last two to four digits of the key.
    if (bench.keys.authenticate(text) !== undefined && text !== good.text) accepted.push(text);
  }
  deepEqual(accepted, []);
  collect();
  const grown = process.memoryUsage().heapUsed - before;
  ok(grown < HEAP_BYTES_MAX, `${grown} bytes more`);
  ok(bench.accepts(good));
});

for (const condition of ["well", "refusing", "hanging"] as const) {
  test(`a key that another process revokes is refused within 5 s, with the database ${condition} at the next reload`, async () => {
    await using bench = await Bench.start((other) =>
      other.create({ name: "a", scope: "read" }, "test"),
    );
    const late = await bench.make("late");
    await bench.clock.advance(2_001);
    ok(bench.accepts(late), "a key of another process is known too");
    await bench.other.revoke({ name: "late" }, "test");
    bench.condition = condition;
    await bench.clock.advance(2_000);
    bench.condition = "well";
    await bench.clock.advance(2_999);
    equal(bench.accepts(late), false);
  });
}

test("while the database is unavailable the last known keys are accepted, still expire, and the operator is told once", async () => {
  await using bench = await Bench.start();
  const [lasting, short] = [await bench.make("lasting"), await bench.make("short", 60_000)];
  await bench.clock.advance(2_001);
  bench.condition = "refusing";
  await bench.clock.advance(50_000);
  deepEqual([bench.accepts(lasting), bench.accepts(short)], [true, true]);
  await bench.clock.advance(10_000);
  deepEqual([bench.accepts(lasting), bench.accepts(short)], [true, false]);
  bench.condition = "well";
  await bench.clock.advance(4_000);
  deepEqual(
    bench.lines.map(({ level, msg }) => [level, msg]),
    [
      [
        "WARNING",
        "API keys cannot be read: the last known keys are accepted, revocations are not seen",
      ],
      ["INFO", "API keys can be read again"],
    ],
  );
});

test("a database that hangs does not get more and more queries", async () => {
  await using bench = await Bench.start();
  bench.condition = "hanging";
  await bench.clock.advance(50_000);
  equal(bench.hanging.length, 2);
});

test("an answer that was on its way while a key was revoked here does not bring it back", async () => {
  await using bench = await Bench.start();
  const key = await bench.make("a");
  await bench.clock.advance(2_001);
  await bench.make("b");
  // The reload begins, and reads both keys before the revocation.
  bench.condition = "slow to tell all";
  await bench.clock.advance(2_000);
  bench.condition = "well";
  equal(bench.hanging.length, 1);
  equal(await bench.keys.revoke(key.key.id, "test"), true);
  equal(bench.accepts(key), false);
  for (const go of bench.hanging) go();
  await bench.clock.advance(1);
  equal(bench.accepts(key), false);
});

test("keys made, rotated and revoked here count at once", async () => {
  await using bench = await Bench.start();
  equal(bench.keys.hasEverExisted(), false);
  const made = await bench.keys.create({ name: "a", scope: "admin" }, "test");
  ok(made.kind === "created");
  deepEqual(
    [bench.accepts(made), bench.keys.hasEverExisted(), bench.keys.anyLive()],
    [true, true, true],
  );
  const next = await bench.keys.rotate(made.key.id, 60_000, "test");
  ok(next.kind === "rotated");
  deepEqual([bench.accepts(made), bench.accepts(next)], [true, true]);
  await bench.clock.advance(60_000);
  deepEqual([bench.accepts(made), bench.accepts(next)], [false, true]);
  equal(await bench.keys.revoke(next.key.id, "test"), true);
  deepEqual(
    [bench.accepts(next), bench.keys.hasEverExisted(), bench.keys.anyLive()],
    [false, true, false],
  );
  equal(await bench.keys.revoke("nothing", "test"), false);
});

test("last uses are stored once a minute and at the end, and kept while that fails", async () => {
  const bench = await Bench.start();
  const key = await bench.make("a");
  await bench.clock.advance(2_001);
  const noted = async () => (await bench.store.all())[0]?.lastUsedAt ?? null;
  const use = () => {
    ok(bench.accepts(key));
    return new Date(bench.clock.now()).toISOString();
  };
  const first = use();
  deepEqual([await noted(), (await bench.keys.all())[0]?.lastUsedAt], [null, first]);
  await bench.clock.advance(62_000);
  equal(await noted(), first);
  const second = use();
  bench.condition = "refusing";
  await bench.clock.advance(70_000);
  equal(await noted(), first);
  bench.condition = "well";
  await bench.clock.advance(62_000);
  equal(await noted(), second);
  const last = use();
  const closed = bench.keys.close();
  await bench.clock.advance(1);
  await closed;
  equal(await noted(), last);
  await bench[Symbol.asyncDispose]();
});

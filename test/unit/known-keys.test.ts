import { deepEqual, equal, ok } from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { type ApiKey, hashOfKey, hintOfKey, keyOf } from "../../src/domain/api-key.ts";
import { StoreUnavailable } from "../../src/domain/errors.ts";
import { ApiKeys, actorOf } from "../../src/keys/api-keys.ts";
import { KeyIssuer } from "../../src/keys/key-issuer.ts";
import { HandClock } from "../support/hand-clock.ts";
import { PlainKeyStore } from "../support/plain-key-store.ts";
import { testRuntime } from "../support/runtime.ts";

// What the service knows of the keys in its database, and when. test/unit/api-keys.test.ts has the
// same with a real database.

const ADMIN_KEY = "an-admin-key-of-32-characters-or-more";
const CANNOT_BE_READ =
  "API keys cannot be read: the last known keys are accepted, revocations are not seen";

/** A moment that many milliseconds after the start of the clock. */
const at = (ms: number) => new Date(new HandClock().now() + ms).toISOString();

let made = 0;

/** A stored key, with its text. */
function stored(fields: Partial<ApiKey> = {}): ApiKey & { readonly text: string } {
  const text = keyOf(randomBytes(32));
  made += 1;
  return {
    id: `id-${made}`,
    name: `name-${made}`,
    scope: "read",
    hash: hashOfKey(text),
    hint: hintOfKey(text),
    createdAt: at(0),
    expiresAt: null,
    retiresAt: null,
    revokedAt: null,
    lastUsedAt: null,
    ...fields,
    text,
  };
}

async function start(keys: readonly ApiKey[] = [], adminKey?: string) {
  const clock = new HandClock();
  const runtime = testRuntime({ clock });
  const store = new PlainKeyStore();
  for (const key of keys) store.put(key);
  const issuer = new KeyIssuer(runtime, { store, randomBytes });
  const known = await ApiKeys.start(runtime, { store, issuer, adminKey });
  const close = async () => {
    const closed = known.close();
    await clock.advance(5_000);
    await closed;
  };
  return {
    clock,
    store,
    known,
    lines: runtime.lines,
    close,
    [Symbol.asyncDispose]: close,
  };
}

test("the key of the environment is accepted for all, beside those in the database", async () => {
  const key = stored();
  await using bench = await start([key], ADMIN_KEY);
  const admin = { id: "ADMIN_API_KEY", name: "ADMIN_API_KEY", scope: "admin" } as const;
  deepEqual(bench.known.authenticate(ADMIN_KEY), admin);
  deepEqual(bench.known.authenticate(key.text), { id: key.id, name: key.name, scope: "read" });
  for (const text of ["", ADMIN_KEY.slice(1), `${ADMIN_KEY} `, stored().text])
    equal(bench.known.authenticate(text), undefined);
  equal(bench.known.accepts(admin), true);
  deepEqual([actorOf(admin), actorOf(key)], ["ADMIN_API_KEY", `key:${key.name}`]);
  await using without = await start([key]);
  equal(without.known.accepts(admin), false);
});

test("whether a key exists or ever existed, and whether one is accepted now", async () => {
  const cases: readonly (readonly [
    keys: ApiKey[],
    admin: string | undefined,
    ever: boolean,
    live: boolean,
  ])[] = [
    [[], undefined, false, false],
    [[], ADMIN_KEY, true, true],
    [[stored()], undefined, true, true],
    [[stored({ revokedAt: at(-1) })], undefined, true, false],
    [[stored({ expiresAt: at(0) })], undefined, true, false],
    [[stored({ expiresAt: at(0) }), stored()], undefined, true, true],
  ];
  for (const [keys, admin, ever, live] of cases) {
    await using bench = await start(keys, admin);
    deepEqual([bench.known.hasEverExisted(), bench.known.anyLive()], [ever, live]);
  }
});

test("a key is accepted until the millisecond of its end, and never once it is revoked", async () => {
  const [expiring, retiring, revoked] = [
    stored({ expiresAt: at(1_000), retiresAt: at(2_000) }),
    stored({ expiresAt: at(2_000), retiresAt: at(1_000) }),
    stored({ revokedAt: at(9_000) }),
  ];
  await using bench = await start([expiring, retiring, revoked]);
  const accepted = () =>
    [expiring, retiring, revoked].map((key) => [
      bench.known.authenticate(key.text) !== undefined,
      bench.known.accepts(key),
    ]);
  await bench.clock.advance(999);
  deepEqual(accepted(), [
    [true, true],
    [true, true],
    [false, false],
  ]);
  await bench.clock.advance(1);
  deepEqual(accepted(), [
    [false, false],
    [false, false],
    [false, false],
  ]);
  deepEqual(
    [expiring, retiring, revoked].map(({ text }) => bench.known.refusalOf(text)),
    ["expired", "retired", "revoked"],
  );
  deepEqual(
    [stored().text, "", ADMIN_KEY].map((text) => bench.known.refusalOf(text)),
    ["unknown", "malformed", "malformed"],
  );
  equal(bench.known.accepts(stored()), false);
});

test("the last use in a list is the later one of the database and of this process", async () => {
  const [never, unused, used, later] = [
    stored(),
    stored({ lastUsedAt: at(-5) }),
    stored({ lastUsedAt: at(-5) }),
    stored({ lastUsedAt: at(5_000) }),
  ];
  await using bench = await start([never, unused, used, later]);
  for (const { text } of [used, later]) ok(bench.known.authenticate(text));
  deepEqual(
    (await bench.known.all()).map(({ lastUsedAt }) => lastUsedAt),
    [null, at(-5), at(0), at(5_000)],
  );
});

test("keys made, rotated and revoked here count at once; an operation that fails changes nothing", async () => {
  await using bench = await start();
  const { known } = bench;
  const creation = await known.create({ name: "a", scope: "admin" }, "test");
  ok(creation.kind === "created");
  deepEqual(known.authenticate(creation.text), { id: creation.key.id, name: "a", scope: "admin" });
  equal((await known.create({ name: "a", scope: "read" }, "test")).kind, "name_taken");
  equal((await known.rotate("nothing", 1, "test")).kind, "unknown");
  equal(await known.revoke("nothing", "test"), false);
  const rotation = await known.rotate(creation.key.id, 1_000, "test");
  ok(rotation.kind === "rotated");
  const accepted = () =>
    [creation, rotation].map(({ text }) => known.authenticate(text) !== undefined);
  deepEqual(accepted(), [true, true]);
  await bench.clock.advance(1_000);
  deepEqual(accepted(), [false, true]);
  equal(await known.revoke(rotation.key.id, "test"), true);
  equal(await known.revoke(rotation.key.id, "test"), true, "a second time too");
  deepEqual(accepted(), [false, false]);
  equal(bench.store.calls.all, 1, "none of it had to be read again");
});

test("the version is read every 2 s, the keys only when it has changed, and once a minute anyway", async () => {
  await using bench = await start();
  const { calls } = bench.store;
  deepEqual(calls, { version: 2, all: 1, touch: 0 });
  await bench.clock.advance(1_999);
  equal(calls.version, 2);
  await bench.clock.advance(1);
  deepEqual(calls, { version: 3, all: 1, touch: 0 });
  const late = stored();
  bench.store.put(late);
  await bench.clock.advance(2_000);
  deepEqual(calls, { version: 4, all: 2, touch: 0 });
  ok(bench.known.authenticate(late.text));
  await bench.clock.advance(55_999);
  equal(calls.all, 2);
  await bench.clock.advance(2_001);
  equal(calls.all, 3);
  await bench.clock.advance(57_000);
  equal(calls.all, 3);
  await bench.clock.advance(4_000);
  equal(calls.all, 4);
});

test("the first failed reload is not logged, the second one once, and so is the recovery", async () => {
  await using bench = await start();
  const told = () => bench.lines.map(({ level, msg, error }) => [level, msg, error]);
  const failing = async (reloads: number, error: unknown) => {
    bench.store.before = () => Promise.reject(error);
    await bench.clock.advance(2_000 * reloads);
    bench.store.before = async () => undefined;
    await bench.clock.advance(2_000);
  };
  await failing(1, new StoreUnavailable("the database is unavailable"));
  deepEqual(told(), []);
  await failing(3, new StoreUnavailable("the database is unavailable"));
  const expected = [
    ["WARNING", CANNOT_BE_READ, "The database is unavailable."],
    ["INFO", "API keys can be read again", undefined],
  ];
  deepEqual(told(), expected);
  await failing(2, "a text");
  deepEqual(told().at(-2), ["WARNING", CANNOT_BE_READ, "An unexpected error occurred (Error)."]);
  equal(told().length, 4);
});

test("a database that does not answer counts as failing, and gets at most two reads", async () => {
  await using bench = await start();
  const waiting: (() => void)[] = [];
  bench.store.before = () => new Promise((resolve) => waiting.push(resolve));
  await bench.clock.advance(2_000);
  await bench.clock.advance(2_000);
  equal(waiting.length, 2);
  equal(bench.lines.length, 0);
  await bench.clock.advance(1_499);
  equal(bench.lines.length, 0);
  await bench.clock.advance(1);
  deepEqual(
    bench.lines.map(({ error }) => error),
    ["The database does not answer."],
  );
  await bench.clock.advance(60_000);
  equal(waiting.length, 2);
  bench.store.before = async () => undefined;
  for (const go of waiting) go();
  await bench.clock.advance(2_000);
  equal(bench.lines.at(-1)?.msg, "API keys can be read again");
});

test("of two answers, the one of the later question counts, whichever comes first", async () => {
  const key = stored();
  await using bench = await start([key]);
  const waiting: (() => void)[] = [];
  bench.store.put(stored());
  bench.store.before = (call) =>
    call === "all" ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve();
  await bench.clock.advance(2_000);
  bench.store.put({ ...key, revokedAt: at(0) });
  await bench.clock.advance(2_000);
  equal(waiting.length, 2);
  waiting[1]?.();
  await bench.clock.advance(1);
  equal(bench.known.authenticate(key.text), undefined);
  waiting[0]?.();
  await bench.clock.advance(1);
  equal(bench.known.authenticate(key.text), undefined);
  bench.store.before = async () => undefined;
});

test("an answer that was asked for before a change made here does not undo it", async () => {
  const key = stored();
  await using bench = await start([key]);
  const waiting: (() => void)[] = [];
  bench.store.put(stored());
  bench.store.before = (call) =>
    call === "all" ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve();
  await bench.clock.advance(2_000);
  equal(await bench.known.revoke(key.id, "test"), true);
  bench.store.before = async () => undefined;
  waiting[0]?.();
  await bench.clock.advance(1);
  equal(bench.known.authenticate(key.text), undefined);
});

test("revoking an unknown key changes nothing, also for keys that are being read", async () => {
  await using bench = await start();
  equal(await bench.known.revoke("nothing", "test"), false);
  equal(bench.known.hasEverExisted(), false, "reading stays open");
  const key = stored();
  bench.store.put(key);
  const waiting: (() => void)[] = [];
  bench.store.before = (call) =>
    call === "all" ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve();
  await bench.clock.advance(2_000);
  equal(await bench.known.revoke("nothing", "test"), false);
  bench.store.before = async () => undefined;
  waiting[0]?.();
  await bench.clock.advance(1);
  ok(bench.known.authenticate(key.text));
});

test("of uses that are stored in two steps, only those of a failed step are stored again", async () => {
  const keys = Array.from({ length: 501 }, () => stored());
  await using bench = await start(keys);
  for (const { text } of keys) bench.known.authenticate(text);
  bench.store.before = async (call) => {
    if (call === "touch" && bench.store.calls.touch === 2) throw new Error("failed");
  };
  await bench.clock.advance(60_000);
  deepEqual(
    bench.store.touched.map((uses) => uses.length),
    [500],
  );
  await bench.clock.advance(60_000);
  deepEqual(
    bench.store.touched.map((uses) => uses.length),
    [500, 1],
  );
});

test("last uses are stored once a minute, at most 500 at once, and each only once", async () => {
  const keys = Array.from({ length: 501 }, () => stored());
  await using bench = await start(keys);
  const { store, clock } = bench;
  for (const { text } of keys) bench.known.authenticate(text);
  await clock.advance(59_999);
  equal(store.touched.length, 0);
  await clock.advance(2_001);
  deepEqual(
    store.touched.map((uses) => uses.length),
    [500, 1],
  );
  deepEqual(
    store.touched.flat(),
    keys.map(({ id }) => ({ id, at: at(0) })),
  );
  await clock.advance(60_000);
  equal(store.touched.length, 2);
});

test("uses that cannot be stored are stored the next time, unless there is a later one", async () => {
  const [early, late] = [stored(), stored()];
  await using bench = await start([early, late]);
  const { store, clock, known } = bench;
  for (const { text } of [early, late]) known.authenticate(text);
  let usedMs = 0;
  store.before = async (call) => {
    if (call !== "touch") return;
    usedMs = clock.now();
    known.authenticate(late.text);
    throw new StoreUnavailable("the database is unavailable");
  };
  await clock.advance(60_000);
  store.before = async () => undefined;
  ok(usedMs > 0);
  equal(store.touched.length, 0);
  await clock.advance(60_000);
  deepEqual(
    store.touched.flat().toSorted((one, other) => one.id.localeCompare(other.id)),
    [
      { id: early.id, at: at(0) },
      { id: late.id, at: new Date(usedMs).toISOString() },
    ],
  );
});

test("closing stores the last uses and ends the reloads; a second time it does nothing more", async () => {
  const key = stored();
  const bench = await start([key]);
  bench.known.authenticate(key.text);
  await bench.close();
  deepEqual(bench.store.touched, [[{ id: key.id, at: at(0) }]]);
  const { version } = bench.store.calls;
  bench.known.authenticate(key.text);
  await bench.close();
  await bench.clock.advance(60_000);
  deepEqual([bench.store.calls.version, bench.store.touched.length], [version, 1]);
});

test("closing waits at most a second for a database that does not answer", async () => {
  const key = stored();
  const bench = await start([key]);
  bench.known.authenticate(key.text);
  bench.store.before = () => new Promise(() => undefined);
  let isClosed = false;
  const closed = bench.known.close().then(() => (isClosed = true));
  await bench.clock.advance(999);
  equal(isClosed, false);
  await bench.clock.advance(1);
  await closed;
});

import { deepEqual, equal, ok } from "node:assert/strict";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { RedisResponses } from "../../src/cache/redis-responses.ts";
import { ResponseCache } from "../../src/cache/response-cache.ts";
import { WriteTracker } from "../../src/cache/write-tracker.ts";
import { systemClock } from "../../src/domain/clock.ts";
import { Redis } from "../../src/redis/redis.ts";
import { scrape, series } from "../support/client.ts";
import { freshDatabase, unlessPostgres } from "../support/postgres.ts";
import { ownRedis, testedRedis, unlessRedis } from "../support/redis.ts";
import { testRuntime } from "../support/runtime.ts";
import { body, getJson, post, type Service, startService } from "../support/service.ts";

const skip = unlessRedis();
const WAIT_MS_MAX = 15_000;
const TTL_MS = 200;

function connect(url: string): Promise<Redis> {
  const nothing = () => undefined;
  const told = { failed: nothing, becameUnavailable: nothing, becameAvailable: nothing };
  return Redis.open(testRuntime(), { url, ...told });
}

/** A separate connection, and the responses of one kind behind it. */
async function answersIn(url: string, kind: readonly string[], ttlMs = TTL_MS) {
  const redis = await connect(url);
  const answers = new RedisResponses({ redis, ttlMs, kind });
  return { answers, [Symbol.asyncDispose]: () => redis.close() };
}

/** The result as soon as there is one: sharing is not awaited. */
async function foundIn(answers: RedisResponses, question: string) {
  const deadline = performance.now() + WAIT_MS_MAX;
  for (;;) {
    const found = await answers.find(question);
    if (found.kind === "found") return found;
    ok(performance.now() < deadline, "what was shared was never found");
    await setTimeout(5);
  }
}

async function share(answers: RedisResponses, question: string, text: string): Promise<void> {
  const found = await answers.find(question);
  if (found.kind === "missing") found.share(text);
}

const kindOf = (name: string) => [name, String(process.pid), String(performance.now())];

test("a response is found by processes of its kind, for the rest of its time to live", {
  skip,
}, async () => {
  await using server = await testedRedis();
  const kind = kindOf("left");
  await using mine = await answersIn(server.url, kind, 60_000);
  await using theirs = await answersIn(server.url, kind, 60_000);
  await using others = await answersIn(server.url, [...kind, "of another version"], 60_000);
  const found = await mine.answers.find("q");
  const missedMs = performance.now();
  await setTimeout(100);
  ok(found.kind === "missing");
  found.share("été 🎈");
  const got = await foundIn(theirs.answers, "q");
  // The clock of Redis is read in whole milliseconds, and so is the rest of the time.
  const leftMs = 60_000 - (performance.now() - missedMs);
  equal(got.text, "été 🎈");
  ok(got.leftMs <= leftMs + 2 && got.leftMs > leftMs - 1_000, `${got.leftMs} of ${leftMs}`);
  equal((await theirs.answers.find("another")).kind, "missing");
  equal((await others.answers.find("q")).kind, "missing");
});

test("a response that arrives at Redis after its time is not stored", { skip }, async () => {
  await using server = await testedRedis();
  await using mine = await answersIn(server.url, kindOf("late"));
  const found = await mine.answers.find("q");
  await setTimeout(TTL_MS + 5);
  ok(found.kind === "missing");
  found.share("late");
  equal((await mine.answers.find("q")).kind, "missing");
});

test("a response of more than 262,144 characters is not stored", { skip }, async () => {
  await using server = await testedRedis();
  await using mine = await answersIn(server.url, kindOf("large"), 60_000);
  await share(mine.answers, "large", "x".repeat(262_145));
  await share(mine.answers, "small", "x".repeat(262_144));
  await foundIn(mine.answers, "small");
  equal((await mine.answers.find("large")).kind, "missing");
});

test("three replicas read and write at random: each sees its own writes at once, and those of others within the time to live", {
  skip,
}, async () => {
  await using server = await testedRedis();
  await using scope = new AsyncDisposableStack();
  const kind = kindOf("random");
  let stored = 0;
  /** When each value was acknowledged. */
  const writtenMs: number[] = [0];
  const sources = { hit: 0, shared_hit: 0, joined: 0, miss: 0 };
  const replicas = [];
  for (let index = 0; index < 3; index++) {
    const { answers } = scope.use(await answersIn(server.url, kind));
    const writes = new WriteTracker(systemClock);
    const count = (source: keyof typeof sources) => void sources[source]++;
    const cache = new ResponseCache(systemClock, { ttlMs: TTL_MS, writes, count, shared: answers });
    replicas.push({ cache, writes, own: 0 });
  }
  const read = async () => {
    const value = stored;
    await setTimeout(Math.random() * 5);
    return String(value);
  };
  const endMs = performance.now() + 4_000;
  const working = replicas.map(async (replica) => {
    while (performance.now() < endMs) {
      const { cache, writes } = replica;
      // Sometimes long enough without a write that responses of others are used.
      if (Math.random() < 0.01) {
        const write = async () => {
          await setTimeout(Math.random() * 3);
          return ++stored;
        };
        const value = await writes.during(write, () => true);
        writtenMs[value] = performance.now();
        replica.own = value;
      }
      const askedMs = performance.now();
      const old = writtenMs.findLastIndex((ms) => ms < askedMs - TTL_MS);
      const least = Math.max(replica.own, old);
      const asked = [1, 2].map(() =>
        cache.getOrRead(["q"], read, () => new AbortController().signal),
      );
      for (const { text } of await Promise.all(asked))
        ok(Number(text) >= least, `${text} where ${least} was known, after own ${replica.own}`);
      await setTimeout(Math.random() * 20);
    }
  });
  await Promise.all(working);
  ok(
    stored > 3 && sources.shared_hit > 3 && sources.hit > 3,
    JSON.stringify({ stored, ...sources }),
  );
});

async function sharedHits(service: Service): Promise<number> {
  return (
    series(await scrape(service)).get('cache_requests_total{result="shared_hit"}') ?? Number.NaN
  );
}

const noneHere = skip || unlessPostgres();

test("two services on one PostgreSQL share responses in Redis, and each shows at once what it has stored", {
  skip: noneHere,
  timeout: 60_000,
}, async () => {
  await using server = await ownRedis();
  await using database = await freshDatabase();
  const env = { DATABASE_URL: database.url, REDIS_URL: server.url, CACHE_TTL_MS: "1000" };
  await using first = await startService(env);
  await using second = await startService(env);
  equal((await post(first.url, body())).status, 200);
  const deadline = performance.now() + WAIT_MS_MAX;
  // A key lives as long as its response, so they are collected while the test waits for the hit.
  const ours = new Set<string>();
  while ((await sharedHits(second)) < 1 || ours.size === 0) {
    ok(performance.now() < deadline, "no answer was ever shared");
    await getJson(`${first.url}/messages?from=%2B919876543210`);
    equal((await getJson(`${second.url}/messages?from=%2B919876543210`)).data.length, 1);
    const keys = (await server.command("KEYS", "*")) as readonly string[];
    for (const key of keys) if (key.startsWith("lyftr:answer:")) ours.add(key);
    await setTimeout(50);
  }
  for (const key of ours) ok(/^lyftr:answer:[A-Za-z0-9_-]{43}$/.test(key), key);
  for (let count = 2; count <= 10; count++) {
    await getJson(`${first.url}/stats`);
    equal((await post(second.url, body({ message_id: `m${count}` }))).status, 200);
    equal((await getJson(`${second.url}/stats`)).total_messages, count);
    equal((await getJson(`${second.url}/messages?limit=1`)).total, count);
    await setTimeout(count % 3 === 0 ? 1_000 : 50);
  }
});

test("with Redis killed or frozen in the middle every answer is correct, and sharing resumes when it is back", {
  skip: noneHere,
  timeout: 120_000,
}, async () => {
  await using server = await ownRedis();
  await using database = await freshDatabase();
  const env = { DATABASE_URL: database.url, REDIS_URL: server.url, CACHE_TTL_MS: "300" };
  await using first = await startService(env);
  await using second = await startService(env);
  equal((await post(first.url, body())).status, 200);
  const both = async () => {
    for (const { url } of [first, second]) {
      const response = await fetch(`${url}/stats`);
      deepEqual(
        [response.status, ((await response.json()) as { total_messages: number }).total_messages],
        [200, 1],
      );
    }
  };
  const untilShared = async () => {
    const before = (await sharedHits(first)) + (await sharedHits(second));
    const deadline = performance.now() + 2 * WAIT_MS_MAX;
    while ((await sharedHits(first)) + (await sharedHits(second)) === before) {
      ok(performance.now() < deadline, "no answer was ever shared");
      await both();
      await setTimeout(40);
    }
  };
  const whileAway = async () => {
    for (const endMs = performance.now() + 1_500; performance.now() < endMs; ) await both();
  };
  await setTimeout(300);
  await untilShared();
  await server.kill();
  await whileAway();
  await server.start();
  await untilShared();
  server.freeze();
  await whileAway();
  server.thaw();
  await untilShared();
});

test("services on separate SQLite files do not share responses, whatever the files are called", {
  skip,
}, async () => {
  await using server = await ownRedis();
  const databaseUrl = `sqlite:///${join(mkdtempSync(join(tmpdir(), "lyftr-test-")), "app.db")}`;
  await using first = await startService({
    DATABASE_URL: databaseUrl,
    REDIS_URL: server.url,
    CACHE_TTL_MS: "1000",
  });
  await setTimeout(1_050);
  for (let limit = 1; limit <= 20; limit++) await getJson(`${first.url}/messages?limit=${limit}`);
  const keys = (await server.command("KEYS", "*")) as readonly string[];
  deepEqual(
    keys.filter((key) => key.startsWith("lyftr:answer:")),
    [],
  );
});

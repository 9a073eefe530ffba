import { deepEqual, equal, match, notEqual, ok, rejects } from "node:assert/strict";
import { readdirSync } from "node:fs";
import { test } from "node:test";
import {
  ConfigError,
  Overloaded,
  QueryTooExpensive,
  ReadCancelled,
  StoreDamaged,
  StoreRefused,
} from "../../src/domain/errors.ts";
import type { Damage } from "../../src/store/damage.ts";
import { migratePostgres } from "../../src/store/postgres/administration.ts";
import { type PostgresOptions, PostgresStore } from "../../src/store/postgres/postgres-store.ts";
import { ReadQueue } from "../../src/store/postgres/read-queue.ts";
import { freshDatabase, unlessPostgres } from "../support/postgres.ts";
import { sql } from "../support/sql.ts";
import { exerciseStore, message, query } from "./exercise.ts";

const skip = unlessPostgres();
const OPTIONS = {
  connectionsMax: 6,
  migrate: true,
  allowWeakDurability: false,
  random: Math.random,
};
const ADMINISTRATION = { allowWeakDurability: false, citus: false };

const fixture = (prepare: (url: string) => Promise<unknown>) => async () => {
  const database = await freshDatabase();
  await prepare(database.url);
  return { open: () => PostgresStore.open(database.url, OPTIONS), remove: () => database.drop() };
};
const onCitus = process.env.TEST_STORE === "citus";
if (!skip)
  exerciseStore(
    onCitus ? "citus" : "postgres",
    fixture(async () => undefined),
  );
if (!skip && !onCitus) {
  exerciseStore(
    "postgres in hash partitions",
    fixture((url) => migratePostgres(url, { ...ADMINISTRATION, partitions: 4 })),
  );
}

/** A plain server: what follows changes it in ways that Citus does not support. */
const fresh = () => freshDatabase({ kind: "postgres" });

async function withStore<T>(
  url: string,
  work: (store: PostgresStore) => Promise<T>,
  options: Partial<PostgresOptions> = {},
): Promise<T> {
  const store = await PostgresStore.open(url, { ...OPTIONS, ...options });
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

test("a schema of a newer version is refused, and the older binary changes nothing", {
  skip,
}, async () => {
  await using database = await fresh();
  await withStore(database.url, async () => undefined);
  await sql(
    database.url,
    "INSERT INTO lyftr_migrations SELECT max(version) + 1, 'later.sql' FROM lyftr_migrations",
  );
  await rejects(PostgresStore.open(database.url, OPTIONS), (error: Error) => {
    ok(error instanceof StoreRefused);
    match(
      error.message,
      /schema [0-9]+, this version of lyftr knows [0-9]+: start the newer lyftr/,
    );
    return true;
  });
});

test("a database has one identity for every process, and another has another", {
  skip,
}, async () => {
  await using database = await fresh();
  await using other = await fresh();
  const identityOf = (url: string) => withStore(url, async ({ identity }) => identity);
  const identity = await identityOf(database.url);
  match(identity ?? "", /^[0-9]+\/[0-9]+$/);
  equal(await identityOf(`${database.url}?application_name=another`), identity);
  notEqual(await identityOf(other.url), identity);
});

test("without migrating, a database that is not current is refused and left as it is", {
  skip,
}, async () => {
  await using database = await fresh();
  await rejects(
    PostgresStore.open(database.url, { ...OPTIONS, migrate: false }),
    /needs schema [0-9]+: run lyftr migrate first/,
  );
  deepEqual(await sql(database.url, "SELECT to_regclass('messages') AS t"), [{ t: null }]);
  await migratePostgres(database.url, ADMINISTRATION);
  await withStore(database.url, async (store) => deepEqual(store.upgrades, []), { migrate: false });
});

const RELATIONS =
  "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY 1";
const FOREIGN = {
  "CREATE TABLE messages (id integer)": /a table "messages" that does not belong to Lyftr/,
  "CREATE TABLE audit (id integer)": /a table "audit" that does not belong to Lyftr/,
  "CREATE TABLE other (id integer); CREATE INDEX totals_by_messages ON other (id)":
    /an index "totals_by_messages" that does not belong to Lyftr/,
  "CREATE TABLE lyftr_migrations (version integer, name text); INSERT INTO lyftr_migrations VALUES (999, 'x')":
    /schema 999/,
};

for (const [statement, says] of Object.entries(FOREIGN)) {
  test(`a refused database stays as it is (${statement})`, { skip }, async () => {
    await using database = await fresh();
    await sql(database.url, statement);
    const before = await sql(database.url, RELATIONS);
    await rejects(
      PostgresStore.open(database.url, OPTIONS),
      (error: Error) => error instanceof StoreRefused && says.test(error.message),
    );
    deepEqual(await sql(database.url, RELATIONS), before);
  });
}

test("tables of another program that Lyftr does not need are left alone", { skip }, async () => {
  await using database = await fresh();
  await sql(database.url, "CREATE TABLE orders (id integer)");
  await withStore(database.url, async (store) => equal(store.upgrades.length > 0, true));
  deepEqual(await sql(database.url, "SELECT to_regclass('orders')::text AS t"), [{ t: "orders" }]);
});

test("a migration that dies half way delays no other process: the next one does it", {
  skip,
}, async () => {
  await using database = await fresh();
  await sql(
    database.url,
    "CREATE TABLE lyftr_migrations (version integer PRIMARY KEY, name text NOT NULL)",
  );
  await sql(database.url, "INSERT INTO lyftr_migrations VALUES (0, 'lock')");
  // What a process that was killed in the middle leaves: an open transaction with the lock and half
  // of the tables.
  const dying =
    "BEGIN; UPDATE lyftr_migrations SET name = name; CREATE TABLE messages (half text); SELECT pg_sleep(60)";
  const half = sql(database.url, dying).catch((error: Error) => error);
  const waiting = async (where: string) =>
    (
      await sql(
        database.url,
        `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND ${where}`,
      )
    )[0]?.pid;
  const until = async (where: string) => {
    for (;;) {
      const pid = await waiting(where);
      if (pid !== undefined) return pid;
    }
  };
  const dyingPid = await until("query LIKE 'BEGIN; UPDATE%' AND wait_event = 'PgSleep'");
  const next = PostgresStore.open(database.url, OPTIONS);
  await until("wait_event_type = 'Lock'");
  await sql(database.url, "SELECT pg_terminate_backend($1)", [dyingPid]);
  const store = await next;
  const migrations = readdirSync(
    new URL("../../src/store/postgres/migrations/", import.meta.url),
  ).sort();
  deepEqual(
    store.upgrades,
    migrations.map((name) => `applied ${name}`),
  );
  await store.close();
  ok((await half) instanceof Error);
});

test("hash partitions are made only with the table; asking for them later is refused", {
  skip,
}, async () => {
  await using database = await fresh();
  await migratePostgres(database.url, { ...ADMINISTRATION, partitions: 3 });
  deepEqual(await migratePostgres(database.url, { ...ADMINISTRATION, partitions: 3 }), []);
  await rejects(
    migratePostgres(database.url, { ...ADMINISTRATION, partitions: 4 }),
    /has 3 partitions already/,
  );
  await rejects(
    migratePostgres(database.url, { ...ADMINISTRATION, citus: true }),
    /does not have the Citus extension/,
  );
  await rejects(
    migratePostgres(database.url, { ...ADMINISTRATION, citus: true, partitions: 3 }),
    ConfigError,
  );
});

test("without the trigram extension a warning says what to do, and a search scans each text; migrate builds the index", {
  skip,
}, async () => {
  await using database = await fresh();
  await withStore(database.url, (store) =>
    store.insertMessages([message("m1", { text: "Grüße 100%" }), message("m2")]),
  );
  await sql(database.url, "DROP EXTENSION pg_trgm CASCADE");
  const found = async (store: PostgresStore) => {
    const page = await store.findMessages(query({ q: "GRÜSSE 100%" }));
    return [page.total, page.messages.map(({ messageId }) => messageId)];
  };
  await withStore(database.url, async (store) => {
    match(
      store.warnings.join(),
      /there is no search index.*CREATE EXTENSION pg_trgm.*run lyftr migrate/,
    );
    deepEqual(await found(store), [1, ["m1"]]);
  });
  match((await migratePostgres(database.url, ADMINISTRATION)).join(), /^built the search index/);
  deepEqual(await migratePostgres(database.url, ADMINISTRATION), []);
  await withStore(database.url, async (store) => {
    deepEqual(store.warnings, []);
    deepEqual(await found(store), [1, ["m1"]]);
  });
});

test("building the search index may take longer than any call of the service", {
  skip,
}, async () => {
  await using database = await fresh();
  await withStore(database.url, (store) => store.insertMessages([message("m1")]));
  await sql(database.url, "DROP INDEX messages_search");
  // It waits for every earlier writer of the table, and that takes longer than the 8 s of a call.
  const writing = sql(
    database.url,
    "BEGIN; UPDATE messages SET text = 'x'; SELECT pg_sleep(9); COMMIT",
  );
  const sleeps =
    "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'";
  const deadlineMs = performance.now() + 5_000;
  while ((await sql(database.url, sleeps)).length === 0)
    ok(performance.now() < deadlineMs, "no session writes");
  match((await migratePostgres(database.url, ADMINISTRATION)).join(), /^built the search index/);
  await writing;
});

test("the search index is built later for partitions too", { skip }, async () => {
  await using database = await fresh();
  await migratePostgres(database.url, { ...ADMINISTRATION, partitions: 2 });
  await sql(database.url, "DROP INDEX messages_search");
  match((await migratePostgres(database.url, ADMINISTRATION)).join(), /^built the search index/);
  await withStore(database.url, async (store) => {
    deepEqual(store.warnings, []);
    await store.insertMessages([message("m1", { text: "needle" }), message("m2")]);
    equal((await store.findMessages(query({ q: "needle" }))).total, 1);
  });
});

test("in a database whose locale knows ASCII only, other words are found without the index, and a warning says so", {
  skip,
}, async () => {
  await using near = await fresh();
  const url = new URL(near.url);
  const name = `${url.pathname.slice(1)}_c`;
  await sql(
    near.url,
    `CREATE DATABASE ${name} TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER libc LOCALE 'C'`,
  );
  try {
    url.pathname = name;
    await withStore(url.href, async (store) => {
      match(store.warnings.join(), /index covers the letters of ASCII only/);
      await store.insertMessages([
        message("m1", { text: "über alles" }),
        message("m2", { text: "привет" }),
      ]);
      for (const [q, id] of [
        ["ÜBER", "m1"],
        ["alle", "m1"],
        ["ПРИВ", "m2"],
      ] as const)
        deepEqual(
          (await store.findMessages(query({ q }))).messages.map(({ messageId }) => messageId),
          [id],
        );
    });
  } finally {
    await sql(near.url, `DROP DATABASE ${name} WITH (FORCE)`);
  }
});

test("a batch that the server rolls back is tried again, and gives up after a few times", {
  skip,
}, async () => {
  await using database = await fresh();
  await withStore(database.url, async (store) => {
    // Sequences are not rolled back with a transaction, so this one counts the attempts.
    await sql(database.url, "CREATE SEQUENCE attempts");
    await sql(
      database.url,
      `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
         IF nextval('attempts') <= 2 THEN RAISE EXCEPTION 'deadlock' USING ERRCODE = '40P01'; END IF; RETURN NEW; END $$`,
    );
    await sql(
      database.url,
      "CREATE TRIGGER t BEFORE INSERT ON messages FOR EACH STATEMENT EXECUTE FUNCTION refuse()",
    );
    deepEqual(await store.insertMessages([message("m1")]), ["created"]);
    equal((await sql(database.url, "SELECT last_value FROM attempts"))[0]?.last_value, "3");
    await sql(database.url, "ALTER SEQUENCE attempts MINVALUE -1000 RESTART WITH -1000");
    await rejects(store.insertMessages([message("m2")]), /deadlock/);
  });
});

test("one row that the server refuses fails its call and stores nothing of it", {
  skip,
}, async () => {
  await using database = await fresh();
  await withStore(database.url, async (store) => {
    // Today's parsers accept no such id. Another caller of the store gets the server's error.
    await rejects(store.insertMessages([message("good"), message("nul\0")]));
    equal((await store.stats()).total, 0);
    deepEqual(await store.insertMessages([message("good")]), ["created"]);
  });
});

test("queries with NUL or half of a surrogate pair never reach the server: nothing can be equal to them", {
  skip,
}, async () => {
  await using database = await fresh();
  await withStore(database.url, async (store) => {
    await store.insertMessages([message("m\ufffd", { text: "\ufffd" })]);
    for (const bad of ["\0", "\ud800"]) {
      for (const name of ["from", "to", "source", "q"]) {
        const page = await store.findMessages({ ...query(), filter: { [name]: bad } });
        deepEqual([page.total, page.messages.length], [0, 0], JSON.stringify({ [name]: bad }));
      }
      equal(await store.findMessage(bad), undefined);
      equal(await store.findMessage("m\ufffd", bad), undefined);
      deepEqual(await store.timeline({ bucket: "day", from: bad, bucketsMax: 10 }), []);
      const position = { instant: bad, messageId: bad, source: bad } as never;
      await store.findMessages({ ...query(), cursor: { position, side: "after" } });
      await store.findSenders({ limit: 1, offset: 0, after: bad });
    }
  });
});

test("weaker durability of the role is refused, unless it is allowed, and then it is a warning", {
  skip,
}, async () => {
  await using database = await fresh();
  const name = new URL(database.url).pathname.slice(1);
  await sql(database.url, `ALTER DATABASE ${name} SET synchronous_commit = local`);
  await rejects(PostgresStore.open(database.url, OPTIONS), (error: Error) => {
    ok(error instanceof ConfigError);
    match(error.message, /synchronous_commit=local: .*ALLOW_WEAK_DURABILITY=1/);
    return true;
  });
  await withStore(
    database.url,
    async (store) =>
      match(store.warnings.join(), /synchronous_commit=local: acknowledged messages can be lost/),
    { allowWeakDurability: true },
  );
});

test("a read that takes too long gets an error, and an unwanted one is stopped on the server", {
  skip,
}, async () => {
  await using database = await fresh();
  await withStore(database.url, async (store) => {
    await store.insertMessages([message("m1", { text: "slow" })]);
    // Each scanned text takes a minute.
    await sql(
      database.url,
      `CREATE FUNCTION slow(text, text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(60); RETURN true; END $$`,
    );
    await sql(database.url, `ALTER TABLE messages RENAME TO stored`);
    await sql(database.url, "CREATE VIEW messages AS SELECT * FROM stored WHERE slow(text, text)");
    const gone = new AbortController();
    const reading = store.findMessages(query({ q: "zz" }), { signal: gone.signal });
    const running = () =>
      sql(
        database.url,
        "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'",
      );
    while ((await running()).length === 0);
    gone.abort();
    await rejects(reading, ReadCancelled);
    while ((await running()).length > 0);
    await rejects(store.findMessages(query({ q: "zz" })), QueryTooExpensive);
  });
});

test("reads beyond the limits of their queue are refused, and cancelled ones leave it", async () => {
  const reads = new ReadQueue({ runningMax: 1, waitingMax: 2 });
  const first = Promise.withResolvers<string>();
  const running = reads.run(() => first.promise);
  const gone = new AbortController();
  const leaving = reads.run(async () => "never", gone.signal);
  const second = reads.run(async () => "second");
  await rejects(
    reads.run(async () => "third"),
    Overloaded,
  );
  equal(reads.waiting(), 2);
  gone.abort();
  await rejects(leaving, ReadCancelled);
  equal(reads.waiting(), 1);
  first.resolve("first");
  deepEqual(await Promise.all([running, second]), ["first", "second"]);
  await rejects(
    reads.run(async () => "never", gone.signal),
    ReadCancelled,
  );
  equal(await reads.run(async () => "free again"), "free again");
});

test("a read that waits too long in the queue is refused, and leaves it", async () => {
  const reads = new ReadQueue({ runningMax: 1, waitingMax: 2, waitMsMax: 50 });
  const first = Promise.withResolvers<string>();
  const running = reads.run(() => first.promise);
  const late = reads.run(async () => "never");
  await rejects(
    late,
    (error: Error) => error instanceof Overloaded && /too long/.test(error.message),
  );
  equal(reads.waiting(), 0);
  first.resolve("first");
  equal(await running, "first");
  equal(await reads.run(async () => "free again"), "free again");
});

test("damage that the server reports is StoreDamaged, and reported once", { skip }, async () => {
  await using database = await fresh();
  const told: Damage[] = [];
  await withStore(
    database.url,
    async (store) => {
      // The server reports it for a page that it reads; here a function does.
      await sql(
        database.url,
        `ALTER TABLE totals RENAME TO totals_kept;
         CREATE FUNCTION damaged() RETURNS SETOF totals_kept LANGUAGE plpgsql AS $$ BEGIN
           RAISE EXCEPTION 'invalid page in block 0 of relation base/5/16385' USING ERRCODE = 'XX001'; END $$;
         CREATE VIEW totals AS SELECT * FROM damaged()`,
      );
      for (let asked = 0; asked < 2; asked++) await rejects(store.stats(), StoreDamaged);
    },
    { damaged: (damage) => void told.push(damage) },
  );
  deepEqual(
    told.map(({ kind, problem }) => [kind, problem]),
    [["database", "PostgreSQL: invalid page in block 0 of relation base/5/16385 (XX001)"]],
  );
});

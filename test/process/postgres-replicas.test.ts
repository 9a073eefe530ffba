import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { openStore } from "../../src/store/open.ts";
import { scrape, series } from "../support/client.ts";
import { balance } from "../support/haproxy.ts";
import { Ledger } from "../support/ledger.ts";
import { Load } from "../support/load.ts";
import { freshDatabase, unlessPostgres } from "../support/postgres.ts";
import { provesClean } from "../support/recovery.ts";
import { REPLICAS, type Replica, Replicas } from "../support/replicas.ts";
import { body, getJson, post } from "../support/service.ts";
import { sql } from "../support/sql.ts";
import { unlessTool } from "../support/tools.ts";

const MESSAGES = Number(process.env.REPLICA_MESSAGES ?? 12_000);
const REPEATED = 0.3;
const SENDERS = 64;
const KILLS = 12;
const ROUNDS = 2;
const OPEN_AT_ONCE = 8;
const skip = unlessPostgres() || unlessTool("haproxy");

test(`three replicas that start at once on an empty database: of ${MESSAGES} messages, 30 % of them repeats, each id is created once`, {
  skip,
  timeout: 300_000 + MESSAGES * 5,
}, async (t) => {
  await using database = await freshDatabase();
  await using replicas = await Replicas.on(database.url);
  await using balancer = await balance(replicas.ports);
  await balancer.sees(REPLICAS);

  const seed = Math.floor(Math.random() * 2 ** 32);
  t.diagnostic(`seed ${seed}`);
  const ids = repeating(seed);
  const startMs = performance.now();
  const statuses = new Map<number, number>();
  let sent = 0;
  const sender = async () => {
    while (sent++ < MESSAGES) {
      const { status } = await post(balancer.url, messageOf(ids.next()));
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
  };
  await Promise.all(Array.from({ length: SENDERS }, sender));
  t.diagnostic(
    `${Math.round(MESSAGES / ((performance.now() - startMs) / 1_000))} requests a second`,
  );
  deepEqual([...statuses], [[200, MESSAGES]]);

  const [rows] = await sql(
    database.url,
    "SELECT count(*)::int AS rows, count(DISTINCT message_id)::int AS ids FROM messages",
  );
  deepEqual(rows, { rows: ids.different, ids: ids.different });
  const results = await Promise.all(replicas.all.map(({ url }) => resultsOf(url)));
  t.diagnostic(`created by each: ${results.map(({ created }) => created).join(", ")}`);
  for (const { created } of results)
    ok(created > MESSAGES / 10, "the messages were not spread over the replicas");
  const sum = (name: "created" | "duplicate" | "conflict") =>
    results.reduce((all, one) => all + one[name], 0);
  deepEqual(
    [sum("created"), sum("duplicate"), sum("conflict")],
    [ids.different, MESSAGES - ids.different, 0],
  );
  const created = replicas.all.flatMap(({ stdout }) => createdIn(stdout()));
  deepEqual([created.length, new Set(created).size], [ids.different, ids.different]);

  const expected = await statisticsOfRows(database.url);
  for (const { url } of replicas.all) {
    deepEqual(await getJson(`${url}/stats`), expected);
    equal((await getJson(`${url}/messages?limit=1`)).total, ids.different);
  }
});

test("of many processes that open an empty database at the same moment one makes its tables, and all can use it", {
  skip,
}, async () => {
  for (let round = 0; round < 3; round++) {
    await using database = await freshDatabase({ kind: "postgres" });
    const stores = await Promise.all(
      Array.from({ length: OPEN_AT_ONCE }, () => openStore(database.url)),
    );
    const makers = stores.filter(({ upgrades }) => upgrades.length > 0);
    await Promise.all(stores.map((store) => store.ping().then(() => store.close())));
    equal(makers.length, 1);
  }
});

test(`${KILLS} times one of three replicas is killed under load and restarted: no message is lost or stored twice`, {
  skip,
}, async (t) => {
  await using database = await freshDatabase();
  await using replicas = await Replicas.on(database.url);
  await using balancer = await balance(replicas.ports);
  await balancer.sees(REPLICAS);
  const ledger = new Ledger();
  await using load = new Load(ledger, balancer.url);
  for (let kill = 0; kill < KILLS; kill++) {
    await load.accepts(50 + Math.floor(Math.random() * 200));
    equal(await replicas.restart(kill % REPLICAS, "SIGKILL"), "SIGKILL");
  }
  await load.accepts(50);
  await load.stop();
  t.diagnostic(`${load.failed} requests failed`);
  for (const { url } of replicas.all.slice(1))
    equal((await fetch(`${url}/health/ready`)).status, 200);
  t.diagnostic(
    JSON.stringify(await provesClean(ledger, (replicas.all[0] as Replica).url, database.url)),
  );
});

test("a rolling restart of three replicas behind a load balancer: no request fails", {
  skip,
}, async (t) => {
  await using database = await freshDatabase();
  await using replicas = await Replicas.on(database.url);
  await using balancer = await balance(replicas.ports, { again: true });
  await balancer.sees(REPLICAS);
  const ledger = new Ledger();
  await using load = new Load(ledger, balancer.url);
  for (let restart = 0; restart < ROUNDS * REPLICAS; restart++) {
    await load.accepts(200);
    equal(await replicas.restart(restart % REPLICAS, "SIGTERM"), 0);
    await balancer.sees(REPLICAS);
  }
  await load.accepts(200);
  await load.stop();
  t.diagnostic(`${load.accepted} requests accepted, ${load.failed} failed`);
  equal(load.failed, 0, balancer.log());
  t.diagnostic(
    JSON.stringify(await provesClean(ledger, (replicas.all[0] as Replica).url, database.url)),
  );
});

/**
 * Numbers of messages, many of them repeated: half of the repeats are recent, so that replicas get
 * them at the same time.
 */
function repeating(seed: number): { readonly different: number; next(): number } {
  let state = seed;
  const random = () => {
    // mulberry32
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  let different = 0;
  return {
    get different() {
      return different;
    },
    next: () => {
      if (different === 0 || random() >= REPEATED) return different++;
      const among = random() < 0.5 ? Math.min(SENDERS, different) : different;
      return different - 1 - Math.floor(random() * among);
    },
  };
}

function messageOf(n: number): string {
  const second = String(n % 60).padStart(2, "0");
  const day = String(1 + (n % 28)).padStart(2, "0");
  const from = `+91${1_000_000_000 + ((n * 7_919) % 1_000)}`;
  return body({
    message_id: `m${n}`,
    from,
    ts: `2025-01-${day}T10:00:${second}Z`,
    text: `number ${n}`,
  });
}

async function resultsOf(url: string) {
  const samples = series(await scrape({ url }));
  const of = (result: string) => samples.get(`webhook_requests_total{result="${result}"}`) ?? 0;
  return { created: of("created"), duplicate: of("duplicate"), conflict: of("conflict") };
}

function createdIn(log: string): readonly string[] {
  return Array.from(
    log.matchAll(/"message_id":"([^"]+)".*"result":"created"/g),
    ([, id]) => id ?? "",
  );
}

async function statisticsOfRows(databaseUrl: string) {
  const [all] = await sql(
    databaseUrl,
    `SELECT count(*)::int AS total_messages, count(DISTINCT from_msisdn)::int AS senders_count,
            min(ts COLLATE "C") AS first_message_ts, max(ts COLLATE "C") AS last_message_ts FROM messages`,
  );
  const messages_per_sender = await sql(
    databaseUrl,
    `SELECT from_msisdn AS "from", count(*)::int AS count FROM messages
     GROUP BY 1 ORDER BY 2 DESC, from_msisdn COLLATE "C" LIMIT 10`,
  );
  return { ...all, messages_per_sender };
}

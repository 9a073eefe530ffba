import { deepEqual, equal, match } from "node:assert/strict";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Client } from "pg";
import { Ledger } from "../support/ledger.ts";
import { Load } from "../support/load.ts";
import { freshDatabase } from "../support/postgres.ts";
import { ownServer, unlessOwnServer } from "../support/postgres-server.ts";
import { serve } from "../support/process.ts";
import { HEAL_MS_MAX, provesClean } from "../support/recovery.ts";
import { body, getJson, post } from "../support/service.ts";
import { sql } from "../support/sql.ts";

const REFUSALS_ENOUGH = 3;
/** An attempt that was accepted before the limit is seen a moment later. */
const LOOKS_ENOUGH = 5;
/** Some thirty attempts, each with its own connection, on a busy machine. */
const TAKEN_MS_MAX = 60_000;

const folder = () => mkdtempSync(join(tmpdir(), "lyftr-postgres-refusals-"));

test("a server without a free connection: webhooks get 503, the process is alive, and it recovers when there are some", {
  skip: unlessOwnServer(),
}, async (t) => {
  await using server = await ownServer({
    settings: { max_connections: "20", superuser_reserved_connections: "3" },
  });
  await sql(server.url, "CREATE ROLE lyftr LOGIN");
  await using database = await freshDatabase({ kind: "postgres", on: server.url });
  await sql(
    database.url,
    "ALTER SCHEMA public OWNER TO lyftr; GRANT ALL ON DATABASE postgres TO lyftr",
  );
  await sql(
    database.url,
    `ALTER DATABASE ${new URL(database.url).pathname.slice(1)} OWNER TO lyftr`,
  );
  const asLyftr = new URL(database.url);
  asLyftr.username = "lyftr";
  await using lyftr = await serve({ cwd: folder(), env: { DATABASE_URL: asLyftr.href } });
  const ledger = new Ledger();
  await using load = new Load(ledger, lyftr.url);
  await load.accepts(50);

  const greedy = await takeAllConnections(asLyftr.href, server.url);
  await load.fails(100);
  equal((await fetch(`${lyftr.url}/health/live`)).status, 200);
  const refused = await post(lyftr.url, body({ message_id: "refused" }));
  deepEqual([refused.status, await refused.json()], [503, { detail: "database unavailable" }]);
  match(refused.headers.get("retry-after") ?? "", /^\d+$/);
  await untilNotReady(lyftr.url);
  const ready = await fetch(`${lyftr.url}/health/ready`);
  deepEqual([ready.status, await ready.json()], [503, { detail: "database not ready" }]);
  equal((await fetch(`${lyftr.url}/messages`)).status, 503);

  await Promise.all(greedy.map((client) => client.end()));
  await load.accepts(1, HEAL_MS_MAX);
  await load.accepts(50);
  await load.stop();
  t.diagnostic(JSON.stringify(await provesClean(ledger, lyftr.url, database.url)));
});

/** The service asks its database at most once a second, so its last answer may be from before. */
async function untilNotReady(url: string): Promise<void> {
  const deadline = performance.now() + HEAL_MS_MAX;
  while ((await fetch(`${url}/health/ready`)).status === 200)
    if (performance.now() > deadline) throw new Error("the service remains ready");
}

/**
 * Connects until the server accepts no more, and also takes those of the service. Attempts that the
 * server refuses hold a slot for a moment, so a refusal does not prove that all are taken. So the
 * role may not have more connections than these.
 */
async function takeAllConnections(url: string, superuserUrl: string): Promise<readonly Client[]> {
  const taken: Client[] = [];
  const deadline = performance.now() + TAKEN_MS_MAX;
  const others = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() AND application_name <> 'greedy'`;
  for (let refusals = 0; refusals < REFUSALS_ENOUGH; ) {
    const client = new Client({ connectionString: url, application_name: "greedy" });
    client.on("error", () => undefined);
    await sql(superuserUrl, others);
    try {
      await client.connect();
      taken.push(client);
    } catch {
      refusals++;
    }
  }
  await sql(superuserUrl, `ALTER ROLE lyftr CONNECTION LIMIT ${taken.length}`);
  for (let looks = 0; looks < LOOKS_ENOUGH; ) {
    if (performance.now() > deadline) throw new Error("the service always had a connection");
    looks = (await sql(superuserUrl, others)).length === 0 ? looks + 1 : 0;
  }
  return taken;
}

for (const [what, begin, end] of [
  [
    "server",
    () => "ALTER SYSTEM SET default_transaction_read_only = on",
    () => "ALTER SYSTEM RESET default_transaction_read_only",
  ],
  [
    "database",
    (name: string) => `ALTER DATABASE ${name} SET default_transaction_read_only = on`,
    (name: string) => `ALTER DATABASE ${name} RESET default_transaction_read_only`,
  ],
] as const) {
  test(`a ${what} that turns read-only: webhooks get 503, reads continue, and it recovers by itself`, {
    skip: unlessOwnServer(),
  }, async (t) => {
    await using server = await ownServer();
    await using database = await freshDatabase({ kind: "postgres", on: server.url });
    const name = new URL(database.url).pathname.slice(1);
    await using lyftr = await serve({ cwd: folder(), env: { DATABASE_URL: database.url } });
    const ledger = new Ledger();
    await using load = new Load(ledger, lyftr.url);
    await load.accepts(50);
    const change = async (statement: string) => {
      for (const text of [statement, "SELECT pg_reload_conf()"])
        await sql(`${server.url}?options=-c%20default_transaction_read_only%3Doff`, text);
      // A setting of a database applies to its next connections.
      const others = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${name}' AND pid <> pg_backend_pid()`;
      if (what === "database") await sql(server.url, others);
    };

    await change(begin(name));
    await load.fails(100);
    await load.stop();
    const refused = await post(lyftr.url, body({ message_id: "refused" }));
    deepEqual([refused.status, await refused.json()], [503, { detail: "database unavailable" }]);
    const { total } = await getJson(`${lyftr.url}/messages?limit=1`);
    equal(total, load.accepted);
    equal((await getJson(`${lyftr.url}/stats`)).total_messages, total);
    equal((await fetch(`${lyftr.url}/health/live`)).status, 200);

    await change(end(name));
    await using again = new Load(ledger, lyftr.url);
    await again.accepts(1, HEAL_MS_MAX);
    await again.accepts(50);
    await again.stop();
    t.diagnostic(JSON.stringify(await provesClean(ledger, lyftr.url, database.url)));
  });
}

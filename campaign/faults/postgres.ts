import { setTimeout } from "node:timers/promises";
import type { PostgresServer } from "../../test/support/postgres-server.ts";
import { sql } from "../../test/support/sql.ts";
import type { Fault } from "../fault.ts";
import type { Inbox } from "../support/inbox.ts";
import { failsWithin, onOwnPostgres, readsFail } from "../support/on-postgres.ts";

const RESTARTS = { short: 2, long: 10 };
/** Longer than a call of the store may take in a long round. */
const HANG_MS = { short: 2_000, long: 12_000 };
const REFUSED = 40;
const FAILS_MS_MAX = 10_000;
const READS = ["/messages", "/stats", "/senders"];

export const postgresRestart: Fault = {
  name: "postgres-restart",
  what: "PostgreSQL is stopped like pg_ctl stop -m immediate under load and started again, several times",
  expected: "503 within 10 s; accepts again within 5 s; liveness answers",
  databases: ["postgres"],
  rounds: { short: 1, long: 10 },
  controls: ["answer-in-spite-of-failure", "no-unique-key"],
  controlRounds: 2,
  run: (context) =>
    onOwnPostgres(context, {
      times: context.isShort ? RESTARTS.short : RESTARTS.long,
      breaks: async ({ server }) => {
        await server.stop();
        // Some restarts are quick, and some take longer than senders wait.
        await setTimeout(context.random.between(0, 1_000));
        await server.start();
        return [];
      },
    }),
};

export const postgresHang: Fault = {
  name: "postgres-hang",
  what: "all processes of PostgreSQL get SIGSTOP for 12 s (2 s in a short round), then SIGCONT; every other time they crash then",
  expected: "each request ends within 10 s; accepts again within 5 s; liveness answers",
  databases: ["postgres"],
  rounds: { short: 1, long: 20 },
  controls: ["answer-before-commit"],
  run: (context) =>
    onOwnPostgres(context, {
      times: 1,
      breaks: async ({ server }) => {
        server.freeze();
        await setTimeout(context.isShort ? HANG_MS.short : HANG_MS.long);
        server.thaw();
        if (context.seed % 2 === 0) await server.restart();
        return [];
      },
    }),
};

export const postgresConnections: Fault = {
  name: "postgres-connections",
  what: "PostgreSQL ends all connections of the service and accepts no more (SQLSTATE 53300)",
  expected: "503 within 10 s; accepts again within 5 s; liveness answers",
  databases: ["postgres"],
  rounds: { short: 1, long: 20 },
  controls: ["answer-in-spite-of-failure"],
  run: (context) =>
    onOwnPostgres(context, {
      times: 1,
      prepare: asRole,
      breaks: async ({ server, load }) => {
        await sql(server.url, "ALTER ROLE lyftr CONNECTION LIMIT 0");
        await sql(
          server.url,
          "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'lyftr'",
        );
        const broken = await failsWithin(load, REFUSED, FAILS_MS_MAX);
        await sql(server.url, "ALTER ROLE lyftr CONNECTION LIMIT -1");
        return broken;
      },
    }),
};

export const postgresReadOnly: Fault = {
  name: "postgres-read-only",
  what: "default_transaction_read_only is switched on for a while",
  expected: "503 for messages, reads go on; accepts again within 5 s",
  databases: ["postgres"],
  rounds: { short: 1, long: 20 },
  controls: ["answer-in-spite-of-failure"],
  run: (context) =>
    onOwnPostgres(context, {
      times: context.isShort ? 1 : 5,
      breaks: async ({ server, inbox, load }) => {
        await readOnly(server, "on");
        const broken = await failsWithin(load, REFUSED, FAILS_MS_MAX);
        const unread = await readsFail(inbox.url, READS);
        await readOnly(server, "off");
        return [...broken, ...unread];
      },
    }),
};

async function readOnly(server: PostgresServer, value: "on" | "off"): Promise<void> {
  for (const text of [
    `ALTER SYSTEM SET default_transaction_read_only = ${value}`,
    "SELECT pg_reload_conf()",
  ])
    await sql(`${server.url}?options=-c%20default_transaction_read_only%3Doff`, text);
}

/** A role owns the database, because the connections of a superuser have no limit. */
async function asRole(server: PostgresServer, inbox: Inbox): Promise<string> {
  const url = new URL(inbox.databaseUrl);
  await sql(server.url, "CREATE ROLE lyftr LOGIN");
  await sql(inbox.databaseUrl, `ALTER DATABASE ${url.pathname.slice(1)} OWNER TO lyftr`);
  await sql(inbox.databaseUrl, "ALTER SCHEMA public OWNER TO lyftr");
  url.username = "lyftr";
  return url.href;
}

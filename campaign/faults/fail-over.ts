import { execFileSync } from "node:child_process";
import { appendFileSync, cpSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { Load } from "../../test/support/load.ts";
import { ownServer, type PostgresServer } from "../../test/support/postgres-server.ts";
import { UNPRIVILEGED } from "../../test/support/server-folder.ts";
import { sql } from "../../test/support/sql.ts";
import { TcpProxy } from "../../test/support/tcp-proxy.ts";
import type { Fault, RoundContext, RoundResult } from "../fault.ts";
import { Inbox } from "../support/inbox.ts";

const ACCEPTED_BETWEEN = 200;
const SYNCHRONOUS_MS_MAX = 20_000;
const HEAL_MS_MAX = 10_000;

/** The primary server crashes, and its synchronous standby takes over. */
export const failOver: Fault = {
  name: "fail-over",
  what: "the primary of PostgreSQL crashes under load, its synchronous standby is promoted, and the address leads to that",
  expected: "nothing acknowledged is lost; accepts again within 10 s without a restart",
  databases: ["postgres"],
  rounds: { short: 1, long: 50 },
  controls: ["answer-before-commit"],
  run: failedOver,
};

async function failedOver(context: RoundContext): Promise<RoundResult> {
  await using primary = await ownServer();
  await using standby = await ownServer();
  await using proxy = await TcpProxy.to(primary.url);
  await replicate(primary, standby);
  await using inbox = await Inbox.create(context, proxy.through(primary.url));
  await inbox.start();
  await using load = new Load(inbox.ledger, inbox.url);
  await load.accepts(context.random.between(1, ACCEPTED_BETWEEN));
  await primary.stop();
  const startMs = performance.now();
  await sql(standby.url, "SELECT pg_promote()");
  proxy.leadTo(standby.url);
  await load.accepts(1);
  const healMs = Math.round(performance.now() - startMs);
  await load.accepts(ACCEPTED_BETWEEN);
  await load.stop();
  const { counts, broken } = await inbox.check();
  return {
    counts: { ...counts, failOvers: 1, failed: load.failed, healMsMax: healMs },
    broken:
      healMs > HEAL_MS_MAX ? [...broken, `it took ${healMs} ms to accept messages again`] : broken,
  };
}

/** Makes the second server a synchronous standby of the first. */
async function replicate(primary: PostgresServer, standby: PostgresServer): Promise<void> {
  const from = await folderOf(primary);
  const to = await folderOf(standby);
  await standby.stop();
  await primary.stop();
  for (const name of readdirSync(to)) rmSync(join(to, name), { recursive: true });
  cpSync(from, to, { recursive: true });
  rmSync(join(to, "postmaster.pid"), { force: true });
  writeFileSync(join(to, "standby.signal"), "");
  const connection = `host=127.0.0.1 port=${primary.port} user=postgres application_name=standby`;
  appendFileSync(join(to, "postgresql.auto.conf"), `primary_conninfo = '${connection}'\n`);
  const { uid, gid } = { uid: process.getuid?.(), gid: process.getgid?.(), ...UNPRIVILEGED };
  execFileSync("chown", ["-R", `${uid}:${gid}`, to]);
  await primary.start();
  await standby.start();
  await sql(primary.url, "ALTER SYSTEM SET synchronous_standby_names = 'standby'");
  await sql(primary.url, "SELECT pg_reload_conf()");
  const deadline = performance.now() + SYNCHRONOUS_MS_MAX;
  for (;;) {
    const [row] = await sql(primary.url, "SELECT sync_state FROM pg_stat_replication");
    if (row?.sync_state === "sync") return;
    if (performance.now() > deadline) throw new Error(`no standby: ${standby.log()}`);
    await setTimeout(50);
  }
}

async function folderOf(server: PostgresServer): Promise<string> {
  const [row] = await sql(server.url, "SHOW data_directory");
  return String(row?.data_directory);
}

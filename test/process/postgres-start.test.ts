import { deepEqual, equal, match, ok } from "node:assert/strict";
import { mkdtempSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { hasStackTrace } from "../support/cli.ts";
import { oldPostgres } from "../support/old-postgres.ts";
import { freshDatabase, sharedServer, unlessPostgres } from "../support/postgres.ts";
import { ownServer, type PostgresServer, unlessOwnServer } from "../support/postgres-server.ts";
import { runLyftr, serve } from "../support/process.ts";
import { REQUEST_MS_MAX } from "../support/recovery.ts";
import { body, post } from "../support/service.ts";
import { sql, withDatabase } from "../support/sql.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";

// Contains everything that a URL has to escape.
const PASSWORD = "ge heim:/@?#%ß";
const START_MS_MAX = 2 * REQUEST_MS_MAX;

const folder = () => mkdtempSync(join(tmpdir(), "lyftr-postgres-start-"));

/** The output of a refused start: exit code 2 and one line without secrets. */
async function refused(databaseUrl: string): Promise<string> {
  const env = {
    DATABASE_URL: databaseUrl,
    WEBHOOK_SECRET: "testsecret",
    HOST: "127.0.0.1",
    PORT: "0",
  };
  const startMs = performance.now();
  await using lyftr = runLyftr(["serve"], { cwd: folder(), env });
  const code = await lyftr.ended;
  const said = lyftr.stderr();
  ok(performance.now() - startMs < START_MS_MAX, "it took too long to say no");
  equal(code, 2, said);
  match(said, /^The configuration is wrong:\n {2}- .+\n$/);
  equal(hasStackTrace(said), false, said);
  for (const secret of [PASSWORD, encodeURIComponent(PASSWORD), "hidden"])
    equal((said + lyftr.stdout()).includes(secret), false, said);
  equal(lyftr.stdout().includes("listening"), false);
  return said;
}

/** A server whose answers the test writes. */
async function answering(
  connected: (socket: Socket) => void,
): Promise<AsyncDisposable & { readonly url: string }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    connected(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { readonly port: number };
  const dispose = async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
  };
  return { url: `postgres://lyftr:hidden@127.0.0.1:${port}/lyftr`, [Symbol.asyncDispose]: dispose };
}

for (const url of [
  "postgres://",
  "postgres://%00",
  "postgres://lyftr:hidden@127.0.0.1:5432/%00",
  "postgres://lyftr:hidden@127.0.0.1:99999/lyftr",
  "postgres://lyftr:hidden@[::1/lyftr",
  "postgres://lyftr:hidden@127.0.0.1:5432/lyftr?sslmode=perhaps",
  "postgres://lyftr:hidden%zz@127.0.0.1:5432/lyftr",
  "postgresql:///",
  "postgres:lyftr:hidden",
]) {
  test(`DATABASE_URL=${url} is not the URL of a database`, async () => {
    match(await refused(url), /DATABASE_URL/);
  });
}

test("no listener", async () => {
  match(await refused("postgres://lyftr:hidden@127.0.0.1:1/lyftr"), /nothing listens there/);
});

test("an unknown host name", async () => {
  match(
    await refused("postgres://lyftr:hidden@no-such-host.invalid/lyftr"),
    /names an unknown host/,
  );
});

test("the listener is not PostgreSQL: it hangs up, it answers nonsense, it does not answer", async () => {
  await using rude = await answering((socket) => socket.destroy());
  await using other = await answering((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"));
  await using silent = await answering(() => undefined);
  await Promise.all([rude, other, silent].map(({ url }) => refused(url)));
});

test("a server before PostgreSQL 14 is refused by its version", async () => {
  await using old = await oldPostgres();
  match(await refused(old.url), /version 13\.14.*14 or newer/);
});

test("a missing database", { skip: unlessPostgres() }, async () => {
  match(await refused(withDatabase(await sharedServer(), "lyftr_none")), /lyftr_none/);
});

test("a network to PostgreSQL that swallows everything from the beginning", {
  skip: unlessPostgres(),
}, async () => {
  await using database = await freshDatabase({ kind: "postgres" });
  await using proxy = await TcpProxy.to(database.url);
  proxy.set("blackHole");
  await refused(proxy.through(database.url));
});

test("sslmode=require and a server without TLS", { skip: unlessOwnServer() }, async () => {
  await using server = await ownServer();
  match(await refused(`${server.url}?sslmode=require`), /TLS|SSL/);
});

for (const [setting, value] of [
  ["fsync", "off"],
  ["full_page_writes", "off"],
  ["synchronous_commit", "off"],
] as const) {
  test(`${setting}=${value} might lose acknowledged messages, so it is refused`, {
    skip: unlessOwnServer(),
  }, async () => {
    await using server = await ownServer({ settings: { [setting]: value } });
    match(await refused(server.url), new RegExp(setting));
  });
}

test("a database that is not UTF-8 is refused", { skip: unlessOwnServer() }, async () => {
  await using server = await ownServer();
  await sql(server.url, "CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'");
  match(await refused(withDatabase(server.url, "latin")), /LATIN1|UTF-?8/);
});

test("a password with special characters and TLS: the right one is accepted, wrong ones are reported and not shown", {
  skip: unlessOwnServer(),
}, async () => {
  await using server = await ownServer({ password: PASSWORD, tls: true });
  const wrong = new URL(server.url);
  wrong.password = "hidden";
  match(await refused(wrong.href), /password/);
  const other = new URL(server.url);
  other.username = "unknown-user";
  match(await refused(other.href), /password|unknown-user/);

  const modes = ["require", `verify-full&sslrootcert=${server.certificate}`];
  for (const mode of ["disable", ...modes]) {
    await using lyftr = await serve({
      cwd: folder(),
      env: { DATABASE_URL: `${server.url}?sslmode=${mode}` },
    });
    equal((await post(lyftr.url, body())).status, 200);
    deepEqual(await encrypted(server), [mode !== "disable"]);
    for (const secret of [PASSWORD, encodeURIComponent(PASSWORD)]) {
      equal(lyftr.stdout().includes(secret), false);
      equal(lyftr.stderr(), "");
    }
  }
  match(await refused(`${server.url}?sslmode=verify-full`), /certificate/);
});

/** Whether the connections of the service are encrypted, without duplicates. */
async function encrypted(server: PostgresServer): Promise<readonly unknown[]> {
  const rows = await sql(
    server.url,
    `SELECT DISTINCT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'lyftr'`,
  );
  return rows.map(({ ssl }) => ssl);
}

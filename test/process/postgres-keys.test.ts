import { deepEqual, equal, rejects } from "node:assert/strict";
import { test } from "node:test";
import { bearer } from "../support/api-keys.ts";
import { run, temporaryFolder } from "../support/cli.ts";
import { freshDatabase, unlessPostgres } from "../support/postgres.ts";
import { serve } from "../support/process.ts";
import { untilAnswered } from "../support/revocation.ts";
import { sql } from "../support/sql.ts";

const KNOWN_MS_MAX = 5_000;
const skip = unlessPostgres();

test("two replicas refuse within 5 s what a third process, or one of them, revokes", {
  skip,
  timeout: 120_000,
}, async (t) => {
  await using database = await freshDatabase({ kind: "postgres" });
  using folder = temporaryFolder();
  const env = { DATABASE_URL: database.url };
  await using first = await serve({ cwd: folder.path, env });
  await using second = await serve({ cwd: folder.path, env });
  const urls = [first.url, second.url];
  const lyftr = (...args: string[]) => run(["keys", ...args], { cwd: folder.path, env });
  const everywhere = async (key: string, status: number) => {
    const ms = await Promise.all(urls.map((url) => untilAnswered(url, key, status, KNOWN_MS_MAX)));
    t.diagnostic(`${status} everywhere after ${ms.map(Math.round).join(" and ")} ms`);
  };
  const made = (await lyftr("create", "--name", "reader", "--scope", "read")).stdout.trim();
  await everywhere("no-key", 401);
  await everywhere(made, 200);
  await lyftr("revoke", "reader");
  await everywhere(made, 401);

  const admin = (await lyftr("create", "--name", "ops", "--scope", "admin")).stdout.trim();
  await everywhere(admin, 200);
  const send = (url: string, method: string, path: string, body?: object) =>
    fetch(url + path, { method, headers: bearer(admin), ...(body && { body: JSON.stringify(body) }) });
  const answers = urls.map((url) => send(url, "POST", "/keys", { name: "one", scope: "read" }));
  const created = await Promise.all(
    (await Promise.all(answers)).map(async (answer) => [answer.status, await answer.json()] as const),
  );
  deepEqual(created.map(([status]) => status).sort(), [201, 409], "of two replicas one makes the key of a name");
  const { id, key } = created.find(([status]) => status === 201)?.[1] as { id: string; key: string };
  await everywhere(key, 200);
  equal((await send(second.url, "DELETE", `/keys/${id}`)).status, 204);
  equal((await fetch(`${second.url}/stats`, { headers: bearer(key) })).status, 401, "at once where it was revoked");
  await everywhere(key, 401);
});

test("whoever serves with the rights of docs/operations.md makes keys, and cannot change the audit", {
  skip,
}, async () => {
  await using database = await freshDatabase({ kind: "postgres" });
  using folder = temporaryFolder();
  equal(
    (
      await run(["keys", "create", "--name", "a", "--scope", "read"], {
        cwd: folder.path,
        env: { DATABASE_URL: database.url },
      })
    ).code,
    0,
  );
  const role = `lyftr_role_${Date.now()}`;
  const url = new URL(database.url);
  await sql(database.url, `CREATE ROLE ${role} LOGIN PASSWORD 'x'`);
  for (const grant of [
    "SELECT, INSERT ON messages",
    "SELECT, INSERT, UPDATE, DELETE ON streams",
    "SELECT, INSERT, UPDATE ON totals, blocks",
    "SELECT, UPDATE ON leases",
    "SELECT ON lyftr_migrations, lyftr_database",
    "SELECT, INSERT, UPDATE ON api_keys",
    "SELECT, INSERT ON audit",
  ])
    await sql(database.url, `GRANT ${grant} TO ${role}`);
  url.username = role;
  url.password = "x";
  await using service = await serve({
    cwd: folder.path,
    env: { DATABASE_URL: url.href, MIGRATE: "0", ADMIN_API_KEY: "y".repeat(32) },
  });
  const answer = await fetch(`${service.url}/keys`, {
    method: "POST",
    headers: bearer("y".repeat(32)),
    body: '{"name":"b","scope":"read"}',
  });
  equal(answer.status, 201);
  for (const change of ["UPDATE audit SET actor = 'x'", "DELETE FROM audit", "TRUNCATE audit"])
    await rejects(sql(url.href, change), /permission denied/);
  await sql(database.url, `DROP OWNED BY ${role}; DROP ROLE ${role}`);
});

import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { bearer } from "../support/api-keys.ts";
import { run, temporaryFolder } from "../support/cli.ts";
import { freshDatabase, unlessPostgres } from "../support/postgres.ts";
import { serve } from "../support/process.ts";
import { untilAnswered } from "../support/revocation.ts";
import { sql } from "../support/sql.ts";

const KNOWN_MS_MAX = 5_000;
const ADMIN_API_KEY = "an-admin-key-of-32-characters-or-more";
const skip = unlessPostgres();

test("two replicas refuse within 5 s a key that a third process, or one of them, revokes", {
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
    fetch(url + path, {
      method,
      headers: bearer(admin),
      ...(body && { body: JSON.stringify(body) }),
    });
  const make = async (url: string) => {
    const answer = await send(url, "POST", "/keys", { name: "one", scope: "read" });
    return {
      status: answer.status,
      body: (await answer.json()) as { readonly id: string; readonly key: string },
    };
  };
  const answers = await Promise.all(urls.map(make));
  deepEqual(
    answers.map(({ status }) => status).sort(),
    [201, 409],
    "of two replicas one makes the key of a name",
  );
  const { id, key } = (answers.find(({ status }) => status === 201) ?? answers[0])?.body ?? {
    id: "",
    key: "",
  };
  await everywhere(key, 200);
  equal((await send(second.url, "DELETE", `/keys/${id}`)).status, 204);
  equal(
    (await fetch(`${second.url}/stats`, { headers: bearer(key) })).status,
    401,
    "at once where it was revoked",
  );
  await everywhere(key, 401);
});

test("each of several workers refuses a revoked key, and none starts without a required key", {
  skip,
  timeout: 120_000,
}, async () => {
  await using database = await freshDatabase({ kind: "postgres" });
  using folder = temporaryFolder();
  const env = { DATABASE_URL: database.url };
  const required = {
    ...env,
    WORKERS: "2",
    READ_AUTH: "required",
    WEBHOOK_SECRET: "testsecret",
    PORT: "0",
  };
  const refused = await run(["serve"], { cwd: folder.path, env: required });
  equal(refused.code, 2, refused.stdout);
  match(refused.stderr, /no valid API key/);
  deepEqual(
    await sql(database.url, "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"),
    [],
  );
  equal((await run(["migrate"], { cwd: folder.path, env })).code, 0);
  const lyftr = (...args: string[]) => run(["keys", ...args], { cwd: folder.path, env });
  const key = (await lyftr("create", "--name", "a", "--scope", "read")).stdout.trim();
  await using service = await serve({ cwd: folder.path, env: required });
  // Workers get the connections in turn.
  const statuses = () =>
    Promise.all(
      Array.from({ length: 8 }, async () => {
        const headers = { ...bearer(key), connection: "close" };
        return (await fetch(`${service.url}/stats`, { headers })).status;
      }),
    );
  deepEqual(new Set(await statuses()), new Set([200]));
  await lyftr("revoke", "a");
  const startMs = performance.now();
  while ((await statuses()).includes(200))
    ok(performance.now() - startMs < KNOWN_MS_MAX, "a worker still accepts the key");
  deepEqual(new Set(await statuses()), new Set([401]));
});

/** The documented rights of a service that does not migrate. */
function documentedGrants(role: string): readonly string[] {
  const page = readFileSync(
    new URL("../../docs/operations/postgresql.md", import.meta.url),
    "utf8",
  );
  return Array.from(page.matchAll(/^ *(GRANT .* TO lyftr_service);/gm), ([, grant = ""]) =>
    grant.replace("lyftr_service", role),
  );
}

test("a service with the rights of docs/operations/postgresql.md makes keys, and cannot change the audit", {
  skip,
}, async () => {
  await using database = await freshDatabase({ kind: "postgres" });
  using folder = temporaryFolder();
  const owner = { cwd: folder.path, env: { DATABASE_URL: database.url } };
  equal((await run(["migrate"], owner)).code, 0);
  equal((await run(["keys", "create", "--name", "a", "--scope", "read"], owner)).code, 0);
  const role = `lyftr_${randomBytes(8).toString("hex")}`;
  await sql(database.url, `CREATE ROLE ${role} LOGIN PASSWORD 'x'`);
  try {
    const grants = documentedGrants(role);
    equal(grants.length >= 6, true, grants.join("; "));
    await sql(database.url, grants.join("; "));
    const url = Object.assign(new URL(database.url), { username: role, password: "x" }).href;
    await using service = await serve({
      cwd: folder.path,
      env: { DATABASE_URL: url, MIGRATE: "0", ADMIN_API_KEY },
    });
    const body = JSON.stringify({ name: "b", scope: "read" });
    const answer = await fetch(`${service.url}/keys`, {
      method: "POST",
      headers: bearer(ADMIN_API_KEY),
      body,
    });
    equal(answer.status, 201);
    for (const change of ["UPDATE audit SET actor = 'x'", "DELETE FROM audit", "TRUNCATE audit"])
      await rejects(sql(url, change), /permission denied/);
  } finally {
    await sql(database.url, `DROP OWNED BY ${role}; DROP ROLE ${role}`);
  }
});

import { equal, match } from "node:assert/strict";
import { test } from "node:test";
import { hasStackTrace, run, temporaryFolder } from "../support/cli.ts";
import { freshDatabase, unlessPostgres } from "../support/postgres.ts";
import { serve } from "../support/process.ts";
import { body, getJson, post } from "../support/service.ts";
import { sql } from "../support/sql.ts";

test("verify on PostgreSQL reports differences; after a recount the running service agrees again", {
  skip: unlessPostgres(),
}, async () => {
  using folder = temporaryFolder();
  await using database = await freshDatabase();
  // A manual change must be visible at once.
  const options = { cwd: folder.path, env: { DATABASE_URL: database.url, CACHE_TTL_MS: "0" } };
  await using lyftr = await serve(options);
  for (let sent = 0; sent < 20; sent++)
    equal((await post(lyftr.url, body({ message_id: `m${sent}` }))).status, 200);
  const counted = async () =>
    (await sql(database.url, "SELECT messages FROM totals WHERE kind = 'all'"))[0]?.messages;
  while ((await counted()) !== "20") await new Promise(setImmediate);
  const good = await run(["verify"], options);
  equal(good.stdout, "counted 20 messages again; 0 wait to be indexed\nnothing differs\n");
  await sql(database.url, "UPDATE totals SET messages = 21 WHERE kind = 'all'");
  equal((await getJson(`${lyftr.url}/stats`)).total_messages, 21);
  const bad = await run(["verify"], options);
  equal(bad.code, 1);
  match(
    bad.stdout,
    /differs: totals of kind "all": 1 differ from the messages\nRun lyftr verify --recount/,
  );
  equal((await run(["verify", "--recount"], options)).code, 0);
  equal((await getJson(`${lyftr.url}/stats`)).total_messages, 20);
  equal((await run(["verify"], options)).code, 0);
});

test("verify --recount is for PostgreSQL, and a missing database is reported in one line", async () => {
  using folder = temporaryFolder();
  const wrong: [Record<string, string>, string[], RegExp][] = [
    [{ DATABASE_URL: "postgres://unknown@127.0.0.1:1/x" }, ["verify"], /nothing listens there/],
    [{ DATABASE_URL: "sqlite:///./app.db" }, ["verify", "--recount"], /no database to verify/],
  ];
  for (const [env, args, said] of wrong) {
    const { code, stderr } = await run(args, { cwd: folder.path, env });
    equal(code === 0, false);
    match(stderr, said);
    equal(hasStackTrace(stderr), false);
  }
});

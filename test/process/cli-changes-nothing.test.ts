import { deepEqual, equal, match, ok } from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { hasStackTrace, run, temporaryFolder } from "../support/cli.ts";
import { freshDatabase, unlessPostgres } from "../support/postgres.ts";
import { sql } from "../support/sql.ts";
import { NOT_OURS, OURS, snapshotOf } from "../support/sqlite-states.ts";

const skip = unlessPostgres();
const AT_ONCE = 3;
const NOBODY_LISTENS = "http://127.0.0.1:1";
const env = { MASTER_KEY: "a master key of thirty-two characters", RETENTION_DAYS: "30" };

type Effect =
  /** It reads the database and changes nothing. */
  | "reads"
  /** It changes rows of a database of Lyftr. */
  | "writes"
  /** It creates or upgrades the database. */
  | "creates"
  /** It does not use the database. */
  | "elsewhere";

/** Every command with its arguments; `~` is a folder for other files that it writes. */
const COMMANDS: Readonly<Record<string, readonly [Effect, ...(readonly string[])]>> = {
  serve: ["creates", "serve"],
  init: ["creates", "init"],
  demo: ["creates", "demo"],
  import: ["creates", "import", "~/messages.ndjson"],
  migrate: ["creates", "migrate"],
  // Its source is read; its target is created.
  copy: ["reads", "copy", "--from", "DATABASE_URL", "--to", "sqlite:///~/copy.db"],
  send: ["elsewhere", "send", "--url", NOBODY_LISTENS, "--from", "+1", "--to", "+2", "--text", "a"],
  healthcheck: ["elsewhere", "healthcheck", "--url", NOBODY_LISTENS],
  "check-config": ["elsewhere", "check-config"],
  version: ["elsewhere", "version"],
  completion: ["elsewhere", "completion", "bash"],
  help: ["elsewhere", "help"],
  export: ["reads", "export", "--format", "python-sqlite", "~/old.db"],
  "alerts test": ["elsewhere", "alerts", "test"],
  backup: ["reads", "backup", "~/backup.db"],
  restore: ["elsewhere", "restore", "--yes", "~/messages.ndjson"],
  sign: ["elsewhere", "sign", "~/messages.ndjson"],
  "verify-signature": ["elsewhere", "verify-signature", "~/messages.ndjson", "0".repeat(64)],
  audit: ["reads", "audit"],
  verify: ["reads", "verify"],
  "keys list": ["reads", "keys", "list"],
  "keys create": ["writes", "keys", "create", "--name", "a", "--scope", "read"],
  "keys rotate": ["writes", "keys", "rotate", "a"],
  "keys revoke": ["writes", "keys", "revoke", "a"],
  "secrets list": ["reads", "secrets", "list"],
  "secrets add": ["writes", "secrets", "add", "a"],
  "secrets retire": ["writes", "secrets", "retire", "a", "--force"],
  "retention --dry-run": ["reads", "retention", "--dry-run"],
  retention: ["writes", "retention", "--days", "1", "--yes"],
  erase: ["writes", "erase", "+1", "--yes"],
};

/** Commands that do not apply to this kind of database, or have their own tests. */
const ANSWERS_OTHERWISE = ["backup"];

test("every command is in the table, so that a new one is tried on databases that it must not change", async () => {
  using folder = temporaryFolder();
  const named = async (args: readonly string[]) => {
    const { stdout } = await run([...args, "--help"], { cwd: folder.path });
    const [, list = ""] = stdout.split("Commands:\n");
    const [names = ""] = list.split("\n\n");
    return [...names.matchAll(/^ {2}([a-z-]+)/gm)]
      .map(([, name = ""]) => name)
      .filter((name) => name !== "help");
  };
  const found: string[] = ["help"];
  for (const name of await named([])) {
    const below = await named([name]);
    found.push(...(below.length === 0 ? [name] : below.map((word) => `${name} ${word}`)));
  }
  deepEqual(
    Object.keys(COMMANDS)
      .filter((name) => !name.includes("--"))
      .sort(),
    found.sort(),
  );
});

interface Tried {
  readonly name: string;
  readonly effect: Effect;
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs all commands of some kinds on a database, a few at a time. */
async function tryAll(
  effects: readonly Effect[],
  databaseUrl: string,
  cwd: string,
): Promise<readonly Tried[]> {
  using elsewhere = temporaryFolder();
  writeFileSync(join(elsewhere.path, "messages.ndjson"), "");
  const waiting = Object.entries(COMMANDS).filter(([, [effect]]) => effects.includes(effect));
  const tried: Tried[] = [];
  const worker = async () => {
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const [name, [effect, ...words]] = next;
      const args = words.map((word) =>
        word.replace("~", elsewhere.path).replace("DATABASE_URL", databaseUrl),
      );
      const ended = await run(args, { cwd, env: { ...env, DATABASE_URL: databaseUrl } });
      tried.push({ name, effect, code: ended.code, stdout: ended.stdout, stderr: ended.stderr });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return tried;
}

function refused({ name, effect, code, stdout, stderr }: Tried, said: RegExp): void {
  equal(hasStackTrace(stderr), false, `${name}: ${stderr}`);
  if (effect === "elsewhere" || ANSWERS_OTHERWISE.includes(name)) return;
  // For this command the database is an argument, so the arguments are wrong.
  equal(code, name === "copy" ? 2 : 1, `${name}: ${stderr}`);
  equal(stdout, "", name);
  match(stderr, said, name);
}

for (const state of [
  "a database of the older service that was killed",
  "a database of another program",
]) {
  test(`${state} is changed by no command that does not create one`, async () => {
    using folder = temporaryFolder();
    const [make, said] = NOT_OURS[state] ?? [];
    await make?.(folder.file("app.db"));
    const before = snapshotOf(folder.path);
    const tried = await tryAll(["reads", "writes", "elsewhere"], "sqlite:///./app.db", folder.path);
    for (const one of tried) refused(one, said as RegExp);
    deepEqual(snapshotOf(folder.path), before);
    ok(tried.length > 15);
  });
}

test("a database that does not exist is created only by commands that say so", async () => {
  using folder = temporaryFolder();
  const before = snapshotOf(folder.path);
  const tried = await tryAll(
    ["reads", "writes", "elsewhere"],
    "sqlite:///./data/app.db",
    folder.path,
  );
  for (const one of tried) refused(one, /data\/app\.db .*does not exist/);
  deepEqual(snapshotOf(folder.path), before);
});

test("commands that read leave a database of a killed service unchanged, and answer", async () => {
  using folder = temporaryFolder();
  await OURS["a database whose service was killed"]?.(folder.file("app.db"));
  const before = snapshotOf(folder.path);
  for (const { name, effect, code, stderr } of await tryAll(
    ["reads", "elsewhere"],
    "sqlite:///./app.db",
    folder.path,
  ))
    if (effect === "reads") equal(code, 0, `${name}: ${stderr}`);
  deepEqual(snapshotOf(folder.path), before);
});

test("MIGRATE=0 keeps commands that create from creating and from upgrading", async () => {
  using folder = temporaryFolder();
  writeFileSync(folder.file("messages.ndjson"), "");
  const [make] = NOT_OURS["an older schema"] ?? [];
  await make?.(folder.file("older.db"));
  await OURS["a backup, which has a rollback journal"]?.(folder.file("source.db"));
  const before = snapshotOf(folder.path);
  for (const name of ["older.db", "missing/new.db"]) {
    const url = `sqlite:///./${name}`;
    for (const args of [
      ["serve"],
      ["import", "messages.ndjson"],
      ["copy", "--from", "sqlite:///./source.db", "--to", url],
    ]) {
      const { code, stderr } = await run(args, {
        cwd: folder.path,
        env: { DATABASE_URL: url, MIGRATE: "0", PORT: "0" },
      });
      equal(code, args[0] === "copy" ? 2 : 1, `${args}: ${stderr}`);
      match(stderr, /run lyftr migrate first/, `${args}`);
    }
  }
  deepEqual(snapshotOf(folder.path), before);
});

/** The relations of a database with their columns and rows, and its other objects. */
async function catalogOf(url: string): Promise<unknown> {
  const relations = await sql(
    url,
    `SELECT c.oid::text, relname AS name, relkind AS kind, relfilenode::text,
       (SELECT string_agg(attname, ',' ORDER BY attnum) FROM pg_attribute WHERE attrelid = c.oid) AS columns
     FROM pg_class c
     WHERE relnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace, 'pg_toast'::regnamespace)
     ORDER BY 1`,
  );
  const others = await sql(
    url,
    `SELECT (SELECT count(*) FROM pg_proc) AS functions, (SELECT count(*) FROM pg_extension) AS extensions,
       (SELECT count(*) FROM pg_namespace) AS schemas, (SELECT count(*) FROM pg_type) AS types`,
  );
  const rows: unknown[] = [];
  for (const { name, kind } of relations)
    if (kind === "r")
      rows.push(await sql(url, `SELECT xmin::text, ctid::text, row_to_json(t) FROM "${name}" t`));
  return { relations, others, rows };
}

const CHANGES: Readonly<
  Record<string, readonly [make: (url: string, cwd: string) => Promise<unknown>, said: RegExp]>
> = {
  "an unrelated PostgreSQL database": [
    (url) => sql(url, "CREATE TABLE orders (id integer); INSERT INTO orders VALUES (1)"),
    /has no tables of Lyftr, .*: run lyftr migrate first/,
  ],
  "a PostgreSQL database with an older schema": [
    async (url, cwd) => {
      equal((await run(["migrate"], { cwd, env: { DATABASE_URL: url } })).code, 0);
      await sql(
        url,
        "DELETE FROM lyftr_migrations WHERE version = (SELECT max(version) FROM lyftr_migrations)",
      );
    },
    /has schema [0-9]+, .* needs schema [0-9]+: run lyftr migrate first/,
  ],
};

for (const [state, [make, said]] of Object.entries(CHANGES)) {
  test(`${state} is changed by no command that does not create one`, { skip }, async () => {
    using folder = temporaryFolder();
    await using database = await freshDatabase({ kind: "postgres" });
    await make(database.url, folder.path);
    const before = await catalogOf(database.url);
    for (const one of await tryAll(["reads", "writes"], database.url, folder.path))
      refused(one, said);
    deepEqual(await catalogOf(database.url), before);
  });
}

test("commands that read leave a PostgreSQL database of Lyftr unchanged, and answer", {
  skip,
}, async () => {
  using folder = temporaryFolder();
  await using database = await freshDatabase({ kind: "postgres" });
  equal(
    (await run(["migrate"], { cwd: folder.path, env: { DATABASE_URL: database.url } })).code,
    0,
  );
  const before = await catalogOf(database.url);
  for (const { name, code, stderr } of await tryAll(["reads"], database.url, folder.path))
    equal(code, name === "backup" ? 2 : 0, `${name}: ${stderr}`);
  deepEqual(await catalogOf(database.url), before);
});

test("a start on a PostgreSQL database with another program's table of messages creates no tables in it", {
  skip,
}, async () => {
  using folder = temporaryFolder();
  await using database = await freshDatabase({ kind: "postgres" });
  await sql(database.url, "CREATE TABLE messages (id integer)");
  const before = await catalogOf(database.url);
  const { code, stderr } = await run(["migrate"], {
    cwd: folder.path,
    env: { DATABASE_URL: database.url },
  });
  deepEqual(
    [code, /table "messages" that does not belong to Lyftr/.test(stderr)],
    [1, true],
    stderr,
  );
  deepEqual(await catalogOf(database.url), before);
});

test("a PostgreSQL database that does not exist ends a command with 1, and a standby can be read", {
  skip,
}, async () => {
  using folder = temporaryFolder();
  await using database = await freshDatabase({ kind: "postgres" });
  const missing = new URL(database.url);
  missing.pathname = "/lyftr_missing";
  for (const args of [
    ["keys", "list"],
    ["keys", "create", "--name", "a", "--scope", "read"],
  ]) {
    const { code, stderr } = await run(args, {
      cwd: folder.path,
      env: { DATABASE_URL: missing.href },
    });
    equal(code, 1, stderr);
    match(stderr, /database "lyftr_missing" does not exist: check DATABASE_URL/);
  }
  equal(
    (await run(["migrate"], { cwd: folder.path, env: { DATABASE_URL: database.url } })).code,
    0,
  );
  const name = new URL(database.url).pathname.slice(1);
  await sql(database.url, `ALTER DATABASE ${name} SET default_transaction_read_only = on`);
  const asked = await run(["keys", "list"], {
    cwd: folder.path,
    env: { DATABASE_URL: database.url },
  });
  deepEqual([asked.code, asked.stderr], [0, "There are no keys.\n"]);
});

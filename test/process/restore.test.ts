import { deepEqual, equal, match, ok } from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { run, temporaryFolder } from "../support/cli.ts";
import { scrape, series } from "../support/client.ts";
import { type Findings, faultsIn, Ledger } from "../support/ledger.ts";
import { Load } from "../support/load.ts";
import { ownServer } from "../support/postgres-server.ts";
import { serve } from "../support/process.ts";
import { sql, withDatabase } from "../support/sql.ts";
import { unlessTool } from "../support/tools.ts";

const BIN = fileURLToPath(new URL("../../bin/lyftr.js", import.meta.url));
const DOCUMENT = readFileSync(new URL("../../docs/operations/backup.md", import.meta.url), "utf8");
/** Messages before the backup begins, and after it has ended. */
const MORE = 300;

type Environment = Readonly<Record<string, string>>;

/** What is needed to back up, lose and restore one kind of database. */
interface Place {
  readonly databaseUrl: string;
  /** The URL of the restored one. */
  readonly restoredUrl: string;
  readonly backup: string;
  readonly restore: string;
  /** The environment of the document's commands. */
  readonly env: Environment;
  readonly cwd: string;
  lose(): Promise<void>;
  check(ledger: Ledger): Promise<Findings>;
}

/**
 * Runs the document's commands whose first line has this name, with today's backup instead of the
 * example's.
 */
async function runDocumented(
  name: string,
  { env, cwd }: Pick<Place, "env" | "cwd">,
): Promise<void> {
  const block = new RegExp(`^\`\`\`sh\\n# ${name}:.*\\n((?:(?!\`\`\`).*\\n)+)\`\`\``, "m").exec(
    DOCUMENT,
  )?.[1];
  ok(block !== undefined, `docs/operations/backup.md has no commands ${name}`);
  const commands = block.replaceAll("2026-01-31", new Date().toISOString().slice(0, 10));
  const shim = join(cwd, "bin");
  mkdirSync(shim, { recursive: true });
  writeFileSync(join(shim, "lyftr"), `#!/bin/sh\nexec '${process.execPath}' '${BIN}' "$@"\n`, {
    mode: 0o755,
  });
  const PATH = `${shim}:${env.PATH ?? ""}:${process.env.PATH}`;
  await promisify(execFile)("sh", ["-euc", commands], { cwd, env: { ...env, PATH, TZ: "UTC" } });
}

/**
 * Backs up under load, loses everything, restores: messages acknowledged before the backup are
 * there, and sending them again adds nothing.
 */
async function survives(t: TestContext, place: Place): Promise<void> {
  const ledger = new Ledger();
  const env = { DATABASE_URL: place.databaseUrl };
  equal((await run(["migrate"], { cwd: place.cwd, env })).code, 0);
  const { stdout } = await run(["keys", "create", "--name", "reader", "--scope", "read"], {
    cwd: place.cwd,
    env,
  });
  let before: readonly string[] = [];
  {
    await using service = await serve({ cwd: place.cwd, env });
    await using load = new Load(ledger, service.url);
    await load.accepts(MORE);
    before = ledger.ids("ok");
    await runDocumented(place.backup, place);
    await load.accepts(MORE);
    await load.stop();
    service.child.kill("SIGKILL");
    await service.ended;
  }
  await place.lose();
  await runDocumented(place.restore, place);

  await using service = await serve({ cwd: place.cwd, env: { DATABASE_URL: place.restoredUrl } });
  const restored = await place.check(ledger);
  const { lost, ...others } = faultsIn(restored);
  deepEqual(others, { duplicated: 0, unexpected: 0, phantom: 0, corrupted: 0 });
  const acked = ledger.ids("ok");
  ok(
    lost <= acked.length - before.length,
    `${lost} lost, ${acked.length - before.length} came after the backup began`,
  );
  ok(lost > 0, "the database was not restored: it has what came after the backup");

  // The API key is back too, and reading without one is not open.
  const asked = (headers: Environment) => fetch(`${service.url}/stats`, { headers });
  deepEqual(
    [(await asked({})).status, (await asked({ authorization: `Bearer ${stdout.trim()}` })).status],
    [401, 200],
  );
  const duplicates = async () =>
    series(await scrape(service)).get('webhook_requests_total{result="duplicate"}');
  for (const id of before) equal(await ledger.send(service.url, id), "ok");
  equal(await duplicates(), before.length);
  const early = new Set(before);
  for (const id of acked.filter((each) => !early.has(each)))
    equal(await ledger.send(service.url, id), "ok");
  equal((await place.check(ledger)).lost, 0);
  const verified = await run(["verify"], {
    cwd: place.cwd,
    env: { DATABASE_URL: place.restoredUrl },
  });
  equal(verified.code, 0, verified.stdout + verified.stderr);
  t.diagnostic(
    `${before.length} before the backup, ${acked.length} in all, ${lost} were not in it`,
  );
}

test("SQLite: backed up under load by the document's commands, lost, and restored by them", {
  timeout: 120_000,
}, async (t) => {
  using folder = temporaryFolder();
  const [database, backups] = [folder.file("app.db"), folder.file("backups")];
  mkdirSync(backups);
  await survives(t, {
    databaseUrl: `sqlite:///${database}`,
    restoredUrl: `sqlite:///${database}`,
    backup: "backup-sqlite",
    restore: "restore-sqlite",
    env: { DATABASE: database, BACKUPS: backups },
    cwd: folder.path,
    lose: async () => {
      ok(
        existsSync(`${database}-wal`),
        "the killed service left no write-ahead log to be mixed up with the backup",
      );
      writeFileSync(database, "nothing of it can be read");
    },
    check: async (ledger) => ledger.check(database),
  });
});

/**
 * The newest PostgreSQL of Debian with its server and pg_dump, which must be of the same version.
 */
function debianBin(): string {
  const root = "/usr/lib/postgresql";
  const versions = readdirSync(root).filter((version) =>
    ["postgres", "pg_dump", "pg_restore", "createdb"].every((name) =>
      existsSync(join(root, version, "bin", name)),
    ),
  );
  const newest = Math.max(...versions.map(Number));
  ok(Number.isFinite(newest), `there is no PostgreSQL with its pg_dump in ${root}`);
  return join(root, String(newest), "bin");
}

test("PostgreSQL: dumped under load by the document's commands, dropped, and restored by them", {
  skip: unlessTool("pg_createcluster"),
  timeout: 120_000,
}, async (t) => {
  using folder = temporaryFolder();
  const backups = folder.file("backups");
  mkdirSync(backups);
  const bin = debianBin();
  await using server = await ownServer({ bin });
  const env = {
    PATH: bin,
    PGHOST: "127.0.0.1",
    PGPORT: String(server.port),
    PGUSER: "postgres",
    BACKUPS: backups,
  };
  await sql(server.url, "CREATE DATABASE lyftr ENCODING 'UTF8' TEMPLATE template0");
  const restoredUrl = withDatabase(server.url, "lyftr_restored");
  await survives(t, {
    databaseUrl: withDatabase(server.url, "lyftr"),
    restoredUrl,
    backup: "backup-postgres",
    restore: "restore-postgres",
    env,
    cwd: folder.path,
    lose: async () => void (await sql(server.url, "DROP DATABASE lyftr WITH (FORCE)")),
    check: (ledger) => ledger.checkPostgres(restoredUrl),
  });
  match(readdirSync(backups).join(), /^lyftr-[0-9-]+\.dump$/);
  rmSync(backups, { recursive: true });
});

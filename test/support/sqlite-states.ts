import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { openStore } from "../../src/store/open.ts";

/** Every file of a folder: name, bytes, mode and the time of its last change. */
export function snapshotOf(folder: string): readonly string[] {
  const { mtimeNs } = statSync(folder, { bigint: true });
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" }).sort();
  return [`. ${mtimeNs}`, ...names.map((name) => lineOf(folder, name))];
}

function lineOf(folder: string, name: string): string {
  const path = join(folder, name);
  const { mode, size, mtimeNs } = statSync(path, { bigint: true });
  const bytes = statSync(path).isFile()
    ? createHash("sha256").update(readFileSync(path)).digest("hex")
    : "folder";
  return `${name} ${mode} ${size} ${mtimeNs} ${bytes}`;
}

const PYTHON_SCHEMA = `CREATE TABLE messages (message_id TEXT PRIMARY KEY, from_msisdn TEXT NOT NULL,
  to_msisdn TEXT NOT NULL, ts TEXT NOT NULL, text TEXT, created_at TEXT NOT NULL);
  INSERT INTO messages VALUES ('m1', '+1', '+2', '2025-01-15T10:00:00Z', 'Hello', '2025-01-15T10:00:00Z')`;

function execute(path: string, sql: string): void {
  const db = new DatabaseSync(path);
  db.exec(sql);
  db.close();
}

/** A process that writes to the file and is killed, so that its write-ahead log stays beside it. */
function executeAndDie(path: string, sql: string): void {
  const code = `const db = new (require("node:sqlite").DatabaseSync)(${JSON.stringify(path)});
    db.exec(${JSON.stringify(sql)}); process.kill(process.pid, "SIGKILL");`;
  spawnSync(process.execPath, ["-e", code]);
}

const AUDITED = `INSERT INTO audit VALUES ('2025-01-15T10:00:00.000Z', '1', 'test', 'key.created', 'seen', '{}')`;

async function ours(path: string): Promise<void> {
  await (await openStore(`sqlite:///${path}`)).close();
}

/** Files that are a database of this version of Lyftr. Each has one entry in its audit. */
export const OURS: Readonly<Record<string, (path: string) => Promise<void>>> = {
  "a database at rest": async (path) => {
    await ours(path);
    execute(path, AUDITED);
  },
  "a database whose service was killed": async (path) => {
    await ours(path);
    executeAndDie(path, `PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; ${AUDITED}`);
  },
  "a backup, which has a rollback journal": async (path) => {
    await ours(path);
    execute(path, `${AUDITED}; PRAGMA journal_mode = DELETE`);
  },
};

/** Other things that a DATABASE_URL may name, and the expected message. */
export const NOT_OURS: Readonly<
  Record<string, readonly [make: (path: string) => unknown, said: RegExp]>
> = {
  "an empty file": [(path) => writeFileSync(path, ""), /is empty/],
  "a text": [(path) => writeFileSync(path, "messages\n".repeat(100)), /is not a SQLite database/],
  "a database of the older service": [
    (path) => execute(path, PYTHON_SCHEMA),
    /is a database of the older service/,
  ],
  "a database of the older service in WAL mode": [
    (path) => execute(path, `PRAGMA journal_mode = WAL; ${PYTHON_SCHEMA}`),
    /is a database of the older service/,
  ],
  "a database of the older service that was killed": [
    (path) => executeAndDie(path, `PRAGMA journal_mode = WAL; ${PYTHON_SCHEMA}`),
    /is a database of the older service/,
  ],
  "a database of another program": [
    (path) =>
      execute(path, "CREATE TABLE orders (id INTEGER); CREATE TABLE customers (id INTEGER)"),
    /belongs to another program \(it has the tables customers, orders\)/,
  ],
  "an older schema": [
    async (path) => {
      await ours(path);
      execute(
        path,
        "DELETE FROM lyftr_migrations WHERE version = (SELECT max(version) FROM lyftr_migrations)",
      );
    },
    /has schema [0-9]+, .* needs schema [0-9]+: run lyftr migrate first/,
  ],
  "a newer schema": [
    async (path) => {
      await ours(path);
      execute(path, "INSERT INTO lyftr_migrations VALUES (9999, 'newer')");
    },
    /has schema 9999, .*: start the newer lyftr/,
  ],
};

import { DatabaseSync } from "node:sqlite";
import { readMigrations } from "../../src/store/migrate.ts";
import type { Random } from "../support/random.ts";
import { checkAfterCut } from "./check.ts";
import { cutDuring, failureOf, mustSucceed } from "./during-work.ts";
import { messages, type PlainMessage } from "./fill.ts";

const MESSAGES = 2_000;
const PYTHON_TABLE = `CREATE TABLE messages (message_id TEXT PRIMARY KEY, from_msisdn TEXT NOT NULL,
  to_msisdn TEXT NOT NULL, ts TEXT NOT NULL, text TEXT, created_at TEXT NOT NULL)`;
const MIGRATIONS = readMigrations(new URL("../../src/store/sqlite/migrations/", import.meta.url));
/** From this schema on, the table has its present name. */
const RENAMED_IN = 5;
const CREATED_AT = "2025-01-15T10:00:00.000Z";

/** The power fails during an upgrade from an older schema, or from the Python service. */
export const cutUpgrade = cutDuring({
  name: "power-cut-upgrade",
  what: "the power fails during an upgrade from any older schema, and the next start upgrades",
  expected: "the upgrade is done or not; every message is there; integrity ok",
  controls: [],
  prepare: async (inbox, { random }) => {
    const lines = messages(MESSAGES, "old");
    for (const { id, payload } of lines) inbox.ledger.stored(id, payload);
    createOlder(inbox.path, random, lines);
    const args = ["migrate"];
    return {
      run: (env) => mustSucceed(inbox, args, env),
      check: async () => {
        const failure = await failureOf(inbox, args);
        await inbox.start();
        return [...failure, ...(await checkAfterCut(inbox)).broken];
      },
    };
  },
});

/** Makes a database of an older schema. 0 is that of the Python service. */
function createOlder(path: string, random: Random, lines: readonly PlainMessage[]): void {
  const version = random.between(0, MIGRATIONS.length - 1);
  const db = new DatabaseSync(path);
  if (random.chance(0.5)) db.exec("PRAGMA journal_mode = WAL");
  db.exec("BEGIN");
  if (version === 0) db.exec(PYTHON_TABLE);
  else migrateTo(db, version);
  const ours = version === 0 ? "" : ", seq, source, instant";
  const table = version < RENAMED_IN ? "messages" : "lyftr_messages";
  const insert = db.prepare(
    `INSERT INTO ${table} (message_id, from_msisdn, to_msisdn, ts, text, created_at${ours})
     VALUES (?, ?, ?, ?, ?, ?${version === 0 ? "" : ", ?, 'native', ?"})`,
  );
  for (const [n, { payload }] of lines.entries()) {
    const { message_id, from, to, ts, text } = JSON.parse(payload);
    const instant = String(ts).replace("Z", "");
    insert.run(
      ...[message_id, from, to, ts, text, CREATED_AT],
      ...(version === 0 ? [] : [n + 1, instant]),
    );
  }
  db.exec("COMMIT");
  db.close();
}

function migrateTo(db: DatabaseSync, version: number): void {
  db.exec("CREATE TABLE lyftr_migrations (version INTEGER PRIMARY KEY, name TEXT NOT NULL)");
  const record = db.prepare("INSERT INTO lyftr_migrations VALUES (?, ?)");
  for (const migration of MIGRATIONS.slice(0, version)) {
    db.exec(migration.sql);
    record.run(migration.version, migration.name);
  }
}

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Client } from "pg";
import { freshDatabase } from "./postgres.ts";

/** The kind of database of this test run: what every store must do is tested with each. */
const TEST_STORE = process.env.TEST_STORE ?? "sqlite";

/** An empty database of that kind, removed at the end of the scope. */
export async function testedDatabase(): Promise<AsyncDisposable & { readonly url: string }> {
  if (TEST_STORE !== "sqlite") return freshDatabase();
  const folder = mkdtempSync(join(tmpdir(), "lyftr-test-"));
  const dispose = async () => rmSync(folder, { recursive: true });
  return { url: `sqlite:///${join(folder, "app.db")}`, [Symbol.asyncDispose]: dispose };
}

/** Another user of the service's database. */
export interface OtherUser extends AsyncDisposable {
  exec(sql: string): Promise<void>;
  /** From now on nothing can be stored, while reads continue. */
  lockWrites(): Promise<void>;
  unlockWrites(): Promise<void>;
}

export async function otherUserOf(databaseUrl: string): Promise<OtherUser> {
  if (databaseUrl.startsWith("sqlite:")) {
    const db = new DatabaseSync(databaseUrl.slice("sqlite:///".length));
    const exec = async (sql: string) => db.exec(sql);
    return {
      exec,
      lockWrites: () => exec("BEGIN IMMEDIATE"),
      unlockWrites: () => exec("ROLLBACK"),
      [Symbol.asyncDispose]: async () => db.close(),
    };
  }
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  const exec = async (sql: string) => void (await client.query(sql));
  return {
    exec,
    lockWrites: () => exec("BEGIN; LOCK TABLE messages IN SHARE ROW EXCLUSIVE MODE"),
    unlockWrites: () => exec("ROLLBACK"),
    [Symbol.asyncDispose]: () => client.end(),
  };
}

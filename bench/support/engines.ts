import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Client } from "pg";
import { freshDatabase } from "../../test/support/postgres.ts";
import { sql } from "../../test/support/sql.ts";
import { type DiskUse, diskUse } from "./disk-use.ts";
import { sqliteUrl } from "./fill.ts";
import { parentOf } from "./process-figures.ts";

/** A kind of database in a comparison. */
export interface Engine {
  readonly name: "SQLite" | "PostgreSQL";
  /**
   * The process that is, with its children, the database server; undefined when there is none or it
   * is on another machine.
   */
  readonly pid: number | undefined;
  /** Creates a new, empty database, which is dropped at the end of the scope. */
  fresh(): Promise<BenchDatabase>;
}

export interface BenchDatabase extends AsyncDisposable {
  /** As `DATABASE_URL`. */
  readonly url: string;
  /** Counts the messages without the service. No other process may write. */
  countRows(): Promise<number>;
  /** Makes the database do at once what it would do by itself some time after it was filled. */
  settle(): Promise<void>;
  /** Every table and index, the largest first. */
  diskUse(): Promise<readonly DiskUse[]>;
}

export function sqliteEngine(folder: string): Engine {
  return {
    name: "SQLite",
    pid: undefined,
    fresh: async () => {
      const own = mkdtempSync(join(folder, "sqlite-"));
      const path = join(own, "app.db");
      return {
        url: sqliteUrl(path),
        countRows: async () => {
          const db = new DatabaseSync(path, { readOnly: true });
          const rows = Number(db.prepare("SELECT count(*) AS rows FROM messages").get()?.rows);
          db.close();
          return rows;
        },
        settle: async () => undefined,
        diskUse: async () => diskUse(path),
        [Symbol.asyncDispose]: async () => rmSync(own, { recursive: true, force: true }),
      };
    },
  };
}

/** Databases on the server of a URL, whose user may create them. */
export async function postgresEngine(server: string): Promise<Engine> {
  return {
    name: "PostgreSQL",
    pid: await serverPid(server),
    fresh: async () => {
      const { url, [Symbol.asyncDispose]: dispose } = await freshDatabase({
        kind: "postgres",
        on: server,
      });
      return {
        url,
        countRows: async () =>
          Number((await sql(url, "SELECT count(*) AS rows FROM messages"))[0]?.rows),
        settle: async () => {
          await sql(url, "VACUUM (ANALYZE)");
          // Only a superuser or a member of pg_checkpoint may run it.
          await sql(url, "CHECKPOINT").catch(() => undefined);
        },
        diskUse: () => postgresDiskUse(url),
        [Symbol.asyncDispose]: dispose,
      };
    },
  };
}

const TOLD = ["shared_buffers", "max_wal_size", "fsync", "full_page_writes", "synchronous_commit"];

/** One line about the server. */
export async function describeServer(server: string): Promise<string> {
  const [version] = await sql(server, "SELECT current_setting('server_version') AS version");
  const settings = await sql(
    server,
    "SELECT name, current_setting(name) AS value FROM unnest($1::text[]) AS name",
    [TOLD],
  );
  return `PostgreSQL ${version?.version} (${settings.map(({ name, value }) => `${name} ${value}`).join(", ")})`;
}

/** The parent of the process that serves a connection, if it is on this machine. */
async function serverPid(server: string): Promise<number | undefined> {
  const client = new Client({ connectionString: server });
  await client.connect();
  try {
    const { rows } = await client.query("SELECT pg_backend_pid() AS pid");
    const parent = parentOf(Number(rows[0]?.pid));
    return /^postgres/.test(readFileSync(`/proc/${parent}/comm`, "utf8")) ? parent : undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  } finally {
    await client.end();
  }
}

async function postgresDiskUse(url: string): Promise<readonly DiskUse[]> {
  const parts = await sql(
    url,
    `SELECT relname, CASE relkind WHEN 'i' THEN pg_relation_size(oid) ELSE pg_table_size(oid) END AS bytes
     FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'i') ORDER BY 2 DESC`,
  );
  return parts.map(({ relname, bytes }) => ({
    file: "PostgreSQL",
    name: String(relname),
    bytes: Number(bytes),
  }));
}

import { StoreRefused } from "../domain/errors.ts";
import type { CopyEnd } from "./copying.ts";
import type { AccessStore } from "./credentials.ts";
import type { Damage } from "./damage.ts";
import type { OpenMode } from "./open-mode.ts";
import type { RetentionPreview } from "./retention.ts";
import { SqliteStore } from "./sqlite/sqlite-store.ts";
import type { ReadThreadEnd, Store } from "./store.ts";

/** How many connections one process has to PostgreSQL unless it is told otherwise. */
export const CONNECTIONS_DEFAULT = 8;

export interface OpenOptions {
  /** Told what turns out to be damaged on the disk, once each. */
  readonly damaged?: (damage: Damage) => void;
  /** Told how a long upgrade goes. */
  readonly progress?: (text: string) => void;
  /** What may be done with the database; default: `create`. */
  readonly mode?: Exclude<OpenMode, "read">;
  /** False: a database whose schema is not up to date is refused instead of created or upgraded. */
  readonly migrate?: boolean;
  /** The error for a database without Lyftr's tables. Then nothing is created or taken over. */
  readonly newDatabaseError?: Error | undefined;
  /** SQLite only: called for each unexpected end of a reading thread. */
  readonly readThreadEnded?: (end: ReadThreadEnd) => void;
  /** PostgreSQL only: the connections of this process, 4 or more. */
  readonly connectionsMax?: number;
  /** PostgreSQL only: a server whose commits may not survive a crash is used all the same. */
  readonly allowWeakDurability?: boolean;
  /** 0 to 1; PostgreSQL only. */
  readonly random?: () => number;
}

/** The path of a `sqlite:///relative`, `sqlite:////absolute` or `sqlite+aiosqlite:///…` URL, or undefined when it is not one. */
export function sqlitePath(databaseUrl: string): string | undefined {
  const path = /^sqlite(?:\+[a-z]+)?:\/\/\/([^?#]+)$/.exec(databaseUrl)?.[1];
  return path === ":memory:" ? undefined : path;
}

/** Whether a `DATABASE_URL` names a PostgreSQL database. */
export function isPostgres(databaseUrl: string): boolean {
  return /^postgres(ql)?:\/\//.test(databaseUrl);
}

/** Opens the store a `DATABASE_URL` names. Rejects with `ConfigError` or `StoreRefused` when it must not be used. */
export async function openStore(databaseUrl: string, options: OpenOptions = {}): Promise<Store> {
  const { mode = "create", migrate = true, connectionsMax = CONNECTIONS_DEFAULT } = options;
  const { progress = () => {}, readThreadEnded = () => {}, damaged, newDatabaseError } = options;
  const { allowWeakDurability = false, random = Math.random } = options;
  if (isPostgres(databaseUrl)) {
    // Whoever stays with SQLite need not load the driver.
    const { PostgresStore } = await import("./postgres/postgres-store.ts");
    return PostgresStore.open(databaseUrl, {
      mode,
      migrate,
      connectionsMax,
      allowWeakDurability,
      random,
      damaged,
      newDatabaseError,
    });
  }
  const path = requiredSqlitePath(databaseUrl);
  return SqliteStore.open(path, { mode, migrate, progress, readThreadEnded, damaged, newDatabaseError });
}

/** What a command asks of a database, instead of the whole store. */
type CommandMode = Exclude<OpenMode, "create">;

/** Opens a database as one end of a copy, `read` or `write`. Rejects as {@link openStore} does. */
export async function openCopyEnd(databaseUrl: string, mode: CommandMode): Promise<CopyEnd> {
  if (isPostgres(databaseUrl))
    return (await import("./postgres/copy-endpoint.ts")).PostgresCopyEnd.open(databaseUrl, mode);
  const path = requiredSqlitePath(databaseUrl);
  return (await import("./sqlite/copy-endpoint.ts")).SqliteCopyEnd.open(path, mode);
}

/** Opens the keys, secrets and audit of a database for a command. Rejects as {@link openStore} does. */
export async function openAccess(
  databaseUrl: string,
  mode: CommandMode,
): Promise<AccessStore & { close(): Promise<void> }> {
  if (isPostgres(databaseUrl))
    return (await import("./postgres/credentials/postgres-credentials.ts")).openPostgresAccess(databaseUrl, mode);
  const path = requiredSqlitePath(databaseUrl);
  return (await import("./sqlite/credentials/sqlite-credentials.ts")).openSqliteAccess(path, mode);
}

/** Opens a database to count what retention would delete. It changes nothing. Rejects as {@link openStore} does. */
export async function openRetentionPreview(databaseUrl: string): Promise<RetentionPreview> {
  if (isPostgres(databaseUrl))
    return (await import("./postgres/deletion/preview.ts")).openPostgresRetentionPreview(databaseUrl);
  const path = requiredSqlitePath(databaseUrl);
  return (await import("./sqlite/deletion/preview.ts")).openSqliteRetentionPreview(path);
}

function requiredSqlitePath(databaseUrl: string): string {
  const path = sqlitePath(databaseUrl);
  if (path === undefined) throw new StoreRefused("only sqlite:/// and postgres:// URLs are supported");
  return path;
}

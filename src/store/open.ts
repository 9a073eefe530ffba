import { StoreRefused } from "../domain/errors.ts";
import type { Runtime } from "../runtime.ts";
import type { CopyEndpoint } from "./copying.ts";
import type { CredentialsStore } from "./credentials.ts";
import type { Damage } from "./damage.ts";
import type { PythonExport } from "./python-export.ts";
import type { RetentionPreview } from "./retention.ts";
import type { BackupOptions } from "./sqlite/backup.ts";
import type { PreparedRestore } from "./sqlite/restore.ts";
import { SqliteStore } from "./sqlite/sqlite-store.ts";
import type { OpenMode, ReadThreadEnd, Store } from "./store.ts";
import type { VerifyOptions, VerifyReport } from "./verify-report.ts";

export type { PreparedRestore } from "./sqlite/restore.ts";

/** The default number of connections of one process to PostgreSQL. */
export const CONNECTIONS_DEFAULT = 8;

export interface OpenOptions extends Partial<Pick<Runtime, "random">> {
  /** Called once for each damaged file. */
  readonly damaged?: (damage: Damage) => void;
  /** Called with the progress of a long upgrade. */
  readonly progress?: (text: string) => void;
  /** How the database is used; default: `create`. */
  readonly mode?: Exclude<OpenMode, "read">;
  /** False: a database whose schema is not current is refused instead of created or upgraded. */
  readonly migrate?: boolean;
  /**
   * The error for a database without Lyftr's tables. If given, nothing is created or taken over.
   */
  readonly newDatabaseError?: Error | undefined;
  /** SQLite only: called for each unexpected end of a reading thread. */
  readonly readThreadEnded?: (end: ReadThreadEnd) => void;
  /** PostgreSQL only: the connections of this process, 4 or more. */
  readonly connectionsMax?: number;
  /** PostgreSQL only: accepts a server whose commits may not survive a crash. */
  readonly allowWeakDurability?: boolean;
}

/**
 * The path of a `sqlite:///relative`, `sqlite:////absolute` or `sqlite+aiosqlite:///…` URL, or
 * undefined when it is not one.
 */
export function sqlitePath(databaseUrl: string): string | undefined {
  const path = /^sqlite(?:\+[a-z]+)?:\/\/\/([^?#]+)$/.exec(databaseUrl)?.[1];
  return path === ":memory:" ? undefined : path;
}

/** Whether a `DATABASE_URL` names a PostgreSQL database. */
export function isPostgres(databaseUrl: string): boolean {
  return /^postgres(ql)?:\/\//.test(databaseUrl);
}

/**
 * Opens the store of a `DATABASE_URL`. Rejects with `ConfigError` or `StoreRefused` when the
 * database must not be used.
 */
export async function openStore(databaseUrl: string, options: OpenOptions = {}): Promise<Store> {
  const { mode = "create", migrate = true, connectionsMax = CONNECTIONS_DEFAULT } = options;
  const { progress = () => {}, readThreadEnded = () => {}, damaged, newDatabaseError } = options;
  const { allowWeakDurability = false, random = Math.random } = options;
  if (isPostgres(databaseUrl)) {
    // A service on SQLite need not load the driver.
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
  return SqliteStore.open(path, {
    mode,
    migrate,
    progress,
    readThreadEnded,
    damaged,
    newDatabaseError,
  });
}

/** The modes in which a command uses a database without the whole store. */
type CommandMode = Exclude<OpenMode, "create">;

/** Opens a database as one end of a copy, `read` or `write`. Rejects as {@link openStore} does. */
export async function openCopyEndpoint(
  databaseUrl: string,
  mode: CommandMode,
): Promise<CopyEndpoint> {
  if (isPostgres(databaseUrl))
    return (await import("./postgres/copy-endpoint.ts")).PostgresCopyEndpoint.open(
      databaseUrl,
      mode,
    );
  const path = requiredSqlitePath(databaseUrl);
  return (await import("./sqlite/copy-endpoint.ts")).SqliteCopyEndpoint.open(path, mode);
}

/**
 * Opens the keys, secrets and audit of a database for a command. Rejects as {@link openStore} does.
 */
export async function openCredentials(
  databaseUrl: string,
  mode: CommandMode,
): Promise<CredentialsStore & { close(): Promise<void> }> {
  if (isPostgres(databaseUrl))
    return (await import("./postgres/credentials/postgres-credentials.ts")).openPostgresCredentials(
      databaseUrl,
      mode,
    );
  const path = requiredSqlitePath(databaseUrl);
  return (await import("./sqlite/credentials/sqlite-credentials.ts")).openSqliteCredentials(
    path,
    mode,
  );
}

/**
 * Opens a database to count what retention would delete. It changes nothing. Rejects as {@link
 * openStore} does.
 */
export async function openRetentionPreview(databaseUrl: string): Promise<RetentionPreview> {
  if (isPostgres(databaseUrl))
    return (await import("./postgres/deletion/preview.ts")).openPostgresRetentionPreview(
      databaseUrl,
    );
  const path = requiredSqlitePath(databaseUrl);
  return (await import("./sqlite/deletion/preview.ts")).openSqliteRetentionPreview(path);
}

export interface MigrateOptions {
  /** Called with the progress of a long upgrade. */
  readonly progress: (text: string) => void;
  readonly allowWeakDurability: boolean;
  /** PostgreSQL only: distributes the tables over the workers of Citus. */
  readonly citus: boolean;
  /** PostgreSQL only: divides a new table of messages into this many hash partitions. */
  readonly partitions: number | undefined;
}

/**
 * Creates the database or upgrades its schema. On PostgreSQL it also does what takes too long for a
 * start. Resolves with what was done, one line each. Rejects as {@link openStore} does.
 */
export async function migrateDatabase(
  databaseUrl: string,
  options: MigrateOptions,
): Promise<readonly string[]> {
  if (isPostgres(databaseUrl))
    return (await import("./postgres/administration.ts")).migratePostgres(databaseUrl, options);
  const store = await openStore(databaseUrl, { progress: options.progress });
  await store.close();
  return store.upgrades;
}

/**
 * Compares everything that is derived from the messages with the messages themselves. It changes
 * nothing.
 */
export async function verifyDatabase(
  databaseUrl: string,
  options: VerifyOptions,
): Promise<VerifyReport> {
  if (isPostgres(databaseUrl))
    return (await import("./postgres/index/verify.ts")).verifyCounts(databaseUrl, options);
  return (await import("./sqlite/verify.ts")).verifySqlite(
    requiredSqlitePath(databaseUrl),
    options,
  );
}

/** Discards the counts of a PostgreSQL database, so that a service counts every message again. */
export async function recountDatabase(databaseUrl: string): Promise<void> {
  if (!isPostgres(databaseUrl))
    throw new StoreRefused("only the counts of a PostgreSQL database are discarded");
  await (await import("./postgres/index/recount.ts")).recount(databaseUrl);
}

/** A SQLite database that can be backed up. */
export interface BackupSource {
  copyTo(target: string, options: BackupOptions): Promise<void>;
}

/** Rejects with `StoreRefused` unless the file is a database of Lyftr or of the older service. */
export async function openBackupSource(path: string): Promise<BackupSource> {
  await (await import("./sqlite/contents.ts")).requireKnown(path);
  const { backUp } = await import("./sqlite/backup.ts");
  return { copyTo: (target, options) => backUp(path, target, options) };
}

/** Prepares a backup to replace a SQLite database. Rejects as {@link openStore} does. */
export async function openRestore(backup: string, databaseUrl: string): Promise<PreparedRestore> {
  return (await import("./sqlite/restore.ts")).prepareRestore(
    backup,
    requiredSqlitePath(databaseUrl),
  );
}

/**
 * Opens or creates a file in the schema of the Python service. Rejects with `StoreRefused` when it
 * holds something else.
 */
export async function openPythonExport(path: string): Promise<PythonExport> {
  return (await import("./sqlite/takeover/python-database.ts")).PythonDatabase.open(path);
}

function requiredSqlitePath(databaseUrl: string): string {
  const path = sqlitePath(databaseUrl);
  if (path === undefined)
    throw new StoreRefused("only sqlite:/// and postgres:// URLs are supported");
  return path;
}

import { setTimeout as sleep } from "node:timers/promises";
import { ConfigError, StoreRefused } from "../../domain/errors.ts";
import type { OpenMode } from "../store.ts";
import type { Transaction } from "./connection.ts";
import type { Database } from "./database.ts";
import { BY_INDEX } from "./sql.ts";

/**
 * The oldest version with `client_connection_check_interval`; earlier versions are no longer
 * supported.
 */
const VERSION_MIN = 14;
const STARTING_UP = "57P03";
const TOO_MANY_CONNECTIONS = "53300";
const NO_SUCH_DATABASE = "3D000";
/** How long to wait for a server that is starting or has no free connection. */
const START_MS_MAX = 10_000;
const START_RETRY_MS = 250;

/** The features of the server that matter here. */
export interface ServerFacts {
  /** What an operator should know, a sentence each. */
  readonly warnings: readonly string[];
  /** Whether the Citus extension is installed. */
  readonly citus: boolean;
  /** See `Store.identity`. */
  readonly identity: string | undefined;
  /** The settings of reads; see {@link readSettings}. */
  readonly readSettings: readonly string[];
}

interface Settings {
  readonly version: string;
  readonly encoding: string;
  readonly fsync: string | null;
  readonly fullPageWrites: string | null;
  readonly synchronousCommit: string | null;
  readonly readOnly: string | null;
  readonly checkInterval: string | null;
  readonly citus: boolean;
}

/**
 * Examines the server before anything is stored there. Rejects with `ConfigError` when the server
 * cannot be used, or messages would not be safe.
 */
export async function examine(
  database: Database,
  { allowWeakDurability, mode }: { readonly allowWeakDurability: boolean; readonly mode: OpenMode },
): Promise<ServerFacts> {
  const settings = await firstAnswer(database, mode);
  refuseUnfit(settings, mode);
  const weak = [
    ...weaknesses("", settings),
    ...(settings.citus ? await weakWorkers(database) : []),
  ];
  if (weak.length > 0 && !allowWeakDurability) {
    const reason =
      "a message that was acknowledged could be lost. Set it, or ALLOW_WEAK_DURABILITY=1 to take the risk";
    throw new ConfigError(
      weak.map((weakness) => `DATABASE_URL names a server ${weakness}: ${reason}`),
    );
  }
  return {
    warnings: weak.map(
      (weakness) => `the server runs ${weakness}: acknowledged messages can be lost`,
    ),
    citus: settings.citus,
    identity: await identityOf(database),
    readSettings: await readSettings(database, settings),
  };
}

const SETTINGS = `
  SELECT current_setting('server_version') AS version, current_setting('server_encoding') AS encoding,
    current_setting('fsync', true) AS fsync, current_setting('full_page_writes', true) AS "fullPageWrites",
    current_setting('synchronous_commit', true) AS "synchronousCommit",
    current_setting('transaction_read_only', true) AS "readOnly",
    current_setting('client_connection_check_interval', true) AS "checkInterval",
    EXISTS (SELECT 1 FROM pg_catalog.pg_extension WHERE extname = 'citus') AS citus`;

async function firstAnswer(database: Database, mode: OpenMode): Promise<Settings> {
  const deadlineMs = performance.now() + START_MS_MAX;
  for (;;) {
    try {
      const [settings] = await database.all<Settings>(SETTINGS);
      return settings as Settings;
    } catch (error) {
      const cause = (error instanceof Error ? error.cause : undefined) as
        | NodeJS.ErrnoException
        | undefined;
      const passing = [STARTING_UP, TOO_MANY_CONNECTIONS].includes(cause?.code ?? "");
      // For a command that creates nothing, this is a missing database, like a missing file.
      if (cause?.code === NO_SUCH_DATABASE && mode !== "create")
        throw new StoreRefused(`${cause.message}: check DATABASE_URL`);
      if (!passing || performance.now() > deadlineMs)
        throw new ConfigError([whyUnreachable(cause ?? error)]);
      await sleep(START_RETRY_MS);
    }
  }
}

function refuseUnfit({ version, encoding, readOnly }: Settings, mode: OpenMode): void {
  const major = Number.parseInt(version, 10);
  if (major < VERSION_MIN) {
    throw new ConfigError([
      `DATABASE_URL names a server of version ${version}; ${VERSION_MIN} or newer is needed`,
    ]);
  }
  if (encoding !== "UTF8") {
    const how = "createdb --encoding UTF8 --template template0 NAME";
    throw new ConfigError([
      `DATABASE_URL names a database in ${encoding}; it must be in UTF8: ${how}`,
    ]);
  }
  if (readOnly === "on" && mode !== "read") {
    const reason = "it is a standby, or default_transaction_read_only is on";
    throw new ConfigError([`DATABASE_URL names a read-only server: ${reason}`]);
  }
}

type Durability = Pick<Settings, "fsync" | "fullPageWrites" | "synchronousCommit">;

/**
 * Settings with which a commit may not survive a crash. A setting that the server does not report
 * cannot be relied on.
 */
function weaknesses(
  where: string,
  { fsync, fullPageWrites, synchronousCommit }: Durability,
): readonly string[] {
  const told = (value: string | null) => value ?? "unknown";
  return [
    ...(fsync === "on" ? [] : [`with fsync=${told(fsync)}${where}`]),
    ...(fullPageWrites === "on" ? [] : [`with full_page_writes=${told(fullPageWrites)}${where}`]),
    ...(["on", "remote_apply"].includes(synchronousCommit ?? "")
      ? []
      : [`with synchronous_commit=${told(synchronousCommit)}${where}`]),
  ];
}

/** The messages of a Citus database are on its workers. */
async function weakWorkers(database: Database): Promise<readonly string[]> {
  const rows = await database.all<{ where: string; result: string }>(
    `SELECT ' on the worker ' || nodename || ':' || nodeport AS where, result FROM run_command_on_workers($cmd$
       SELECT current_setting('fsync') || ' ' || current_setting('full_page_writes') || ' ' || current_setting('synchronous_commit')
     $cmd$)`,
  );
  return rows.flatMap(({ where, result }) => {
    const [fsync = null, fullPageWrites = null, synchronousCommit = null] = result.split(" ");
    return weaknesses(where, { fsync, fullPageWrites, synchronousCommit });
  });
}

/**
 * The random number of the cluster, and the number of the database within it. They are the same
 * under every host name and pooler.
 */
async function identityOf(database: Database): Promise<string | undefined> {
  const told = database.all<{ identity: string }>(
    `SELECT system_identifier || '/' || oid AS identity FROM pg_control_system(), pg_database WHERE datname = current_database()`,
  );
  // Not every server of this kind has such a number, or lets every role read it.
  const [row] = await told.catch(() => []);
  return row?.identity;
}

/** The settings of reads. Where the server can, it notices clients that have disconnected. */
async function readSettings(
  database: Database,
  { checkInterval }: Settings,
): Promise<readonly string[]> {
  if (checkInterval === null) return BY_INDEX;
  const noticing = "client_connection_check_interval = '500ms'";
  // Not every operating system supports it.
  const can = await database
    .transaction(async (tx: Transaction) => tx.run(noticing))
    .then(
      () => true,
      () => false,
    );
  return can ? [...BY_INDEX, noticing] : BY_INDEX;
}

/**
 * Why there was no answer, as the end of a sentence that begins with the name of the variable. It
 * never contains a password.
 */
function whyUnreachable(error: unknown): string {
  const { code = "", message } = error as NodeJS.ErrnoException;
  switch (code) {
    case "ECONNREFUSED":
      return "DATABASE_URL names a server that does not answer: nothing listens there (connection refused)";
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return "DATABASE_URL names an unknown host";
    case "28P01":
    case "28000":
      return `DATABASE_URL has a user or password that the server refuses: ${message}`;
    case NO_SUCH_DATABASE:
      return `DATABASE_URL names a database that does not exist: ${message}. Create it with createdb`;
    case "ENOENT":
      return `DATABASE_URL names a file that does not exist: ${message}`;
    default:
      return `DATABASE_URL names a server that cannot be used: ${message}${/^[0-9A-Z]{5}$/.test(code) ? ` (${code})` : ""}`;
  }
}

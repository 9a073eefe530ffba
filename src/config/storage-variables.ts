import { databaseUrl } from "./database-url.ts";
import { daysOrOff, flag, integer, milliseconds, redisUrl } from "./values.ts";
import type { Variable } from "./variable.ts";

export interface StorageConfig {
  readonly databaseUrl: string;
  /** Connections of one process to PostgreSQL. */
  readonly databaseConnections: number;
  /** Whether a start creates the database or upgrades its schema. */
  readonly migrate: boolean;
  readonly allowWeakDurability: boolean;
  /** Undefined keeps messages for ever. */
  readonly retentionDays: number | undefined;
  /** How long the id of a deleted message is known. */
  readonly tombstoneDays: number;
  /** Redis or Valkey, in which replicas share rate limits and responses. */
  readonly redisUrl: string | undefined;
  /** 0 switches the cache off. */
  readonly cacheTtlMs: number;
}

const ZERO_OR_ONE = "`0` or `1`";
const DAYS_MAX = 36_500;

export const STORAGE_VARIABLES: {
  readonly [K in keyof StorageConfig]: Variable<StorageConfig[K]>;
} = {
  databaseUrl: {
    name: "DATABASE_URL",
    fallback: "sqlite:///./data/app.db",
    help: "The database: an SQLite file, which is created when missing, or a PostgreSQL database.",
    values:
      "`sqlite:///relative/path`, `sqlite:////absolute/path` or `postgres://user:password@host:5432/database`.",
    details: [
      "The spellings of SQLAlchemy mean the same: `sqlite+aiosqlite:///…`, `postgresql+asyncpg://…`, " +
        "`?check_same_thread=…`. A path without `sqlite:///`, a `~` or another parameter is refused, and the " +
        "message shows the correct spelling. Missing folders are created. The image sets " +
        "`sqlite:////data/app.db`.",
    ],
    parse: databaseUrl,
  },
  databaseConnections: {
    name: "DATABASE_CONNECTIONS",
    fallback: "8",
    help: "Connections of one process to PostgreSQL.",
    values: "4 to 1000",
    unit: "connections",
    details: ["One connection stores, one counts, the others read."],
    parse: integer(4, 1_000),
  },
  migrate: {
    name: "MIGRATE",
    fallback: "1",
    help: "`0`: a start does not change the schema, and refuses a schema that is not up to date.",
    values: ZERO_OR_ONE,
    details: [
      "`lyftr serve --no-migrate` is the same. With `0`, run `lyftr migrate` before the start.",
    ],
    parse: flag,
  },
  allowWeakDurability: {
    name: "ALLOW_WEAK_DURABILITY",
    fallback: "0",
    help: "`1`: PostgreSQL is used although acknowledged messages may not survive a crash of the server.",
    values: ZERO_OR_ONE,
    details: [
      "That is so when `fsync`, `full_page_writes` or `synchronous_commit` is off. Each start logs a warning.",
    ],
    parse: flag,
  },
  retentionDays: {
    name: "RETENTION_DAYS",
    fallback: "off",
    help: "Messages that were received longer ago are deleted. `off` keeps them.",
    values: `1 to ${DAYS_MAX}, or \`off\``,
    unit: "days",
    parse: daysOrOff(DAYS_MAX),
  },
  tombstoneDays: {
    name: "TOMBSTONE_DAYS",
    fallback: "30",
    help: "How long the id of a deleted message is still answered as a duplicate.",
    values: `1 to ${DAYS_MAX}`,
    unit: "days",
    parse: integer(1, DAYS_MAX),
  },
  redisUrl: {
    name: "REDIS_URL",
    fallback: undefined,
    help: "A Redis or Valkey in which replicas share rate limits and cached responses.",
    values: "`redis://user:password@host:6379/0`, or `rediss://…` for TLS",
    details: ["The service works without it: while Redis is unavailable, rate limits are local."],
    parse: redisUrl,
  },
  cacheTtlMs: {
    name: "CACHE_TTL_MS",
    fallback: "1000",
    help: "How long a response to a read may be served from the cache. `0` turns the cache off.",
    values: "0 to 3600000, or a duration such as `5s`",
    unit: "milliseconds",
    parse: milliseconds(3_600_000),
  },
};

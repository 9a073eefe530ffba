import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { parseEnv } from "node:util";
import { ConfigError } from "./domain/errors.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** What can be set from outside. Modules never see it whole: app.ts hands each its own part. */
export interface Config {
  /** Undefined when not configured: the service starts, is not ready, and refuses every webhook. */
  readonly webhookSecret: string | undefined;
  readonly databaseUrl: string;
  /** Connections of one process to PostgreSQL. */
  readonly databaseConnections: number;
  /** Whether a start makes the database or brings its schema up to date. */
  readonly migrate: boolean;
  readonly allowWeakDurability: boolean;
  readonly logLevel: string;
  readonly host: string;
  readonly port: number;
  readonly bodyBytesMax: number;
  readonly drainMs: number;
  /** Processes that share the port. */
  readonly workers: number;
}

/** One environment variable: how it is read, and how it is told to people. */
interface Variable<T> {
  readonly name: string;
  readonly fallback: string | undefined;
  readonly help: string;
  readonly secret?: true;
  /** Makes a value of the text, or throws a sentence that completes "NAME …". */
  readonly parse: (text: string | undefined) => T;
}

const LOG_LEVELS = ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"];
const WORKERS_MAX = 64;

/** The schema of the configuration: every variable of the service, in the order of the documentation. */
export const VARIABLES: { readonly [K in keyof Config]: Variable<Config[K]> } = {
  webhookSecret: {
    name: "WEBHOOK_SECRET",
    fallback: undefined,
    help: "The secret shared with the sender of webhooks.",
    secret: true,
    parse: (text) => (text === undefined || text.trim() === "" ? undefined : text),
  },
  databaseUrl: {
    name: "DATABASE_URL",
    fallback: "sqlite:///./data/app.db",
    help: "sqlite:///relative/path, sqlite:////absolute/path or postgres://user:password@host:5432/database.",
    parse: databaseUrl,
  },
  databaseConnections: {
    name: "DATABASE_CONNECTIONS",
    fallback: "8",
    help: "Connections of one process to PostgreSQL.",
    parse: integer(4, 1_000),
  },
  migrate: {
    name: "MIGRATE",
    fallback: "1",
    help: "0: a start does not change the schema, and refuses one that is not up to date.",
    parse: flag,
  },
  allowWeakDurability: {
    name: "ALLOW_WEAK_DURABILITY",
    fallback: "0",
    help: "1: PostgreSQL is used though acknowledged messages may not survive a crash of it.",
    parse: flag,
  },
  logLevel: { name: "LOG_LEVEL", fallback: "INFO", help: `${LOG_LEVELS.join(", ")}.`, parse: logLevel },
  host: { name: "HOST", fallback: "0.0.0.0", help: "The address to listen on.", parse: (text = "") => text },
  port: {
    name: "PORT",
    fallback: "8000",
    help: "The TCP port to listen on; 0 takes a free one.",
    parse: integer(0, 65_535),
  },
  bodyBytesMax: {
    name: "MAX_BODY_BYTES",
    fallback: "262144",
    help: "The largest webhook accepted, in bytes.",
    parse: integer(1, 16 * 1024 * 1024),
  },
  drainMs: {
    name: "DRAIN_TIMEOUT_MS",
    fallback: "10000",
    help: "How long a shutdown waits for requests under way, in milliseconds.",
    parse: integer(0, 600_000),
  },
  workers: {
    name: "WORKERS",
    fallback: "1",
    help: `Processes that share the port, with PostgreSQL: 1 to ${WORKERS_MAX}, or auto for one a processor.`,
    parse: workers,
  },
};

/** Reads the configuration. Throws a `ConfigError` with every problem at once. */
export function readConfig(env: Environment): Config {
  const problems: string[] = [];
  const entries = Object.entries(VARIABLES).map(([key, variable]) => [key, readVariable(variable, env, problems)]);
  if (problems.length > 0) throw new ConfigError(problems);
  return Object.fromEntries(entries) as Config;
}

function readVariable(variable: Variable<unknown>, env: Environment, problems: string[]): unknown {
  try {
    const text = given(variable.name, env);
    return variable.parse(text === undefined || (text === "" && !variable.secret) ? variable.fallback : text);
  } catch (problem) {
    problems.push(`${variable.name} ${problem instanceof Error ? problem.message : problem}`);
    return undefined;
  }
}

/** `NAME`, or what is in the file that `NAME_FILE` names, less the line end an editor puts there. */
function given(name: string, env: Environment): string | undefined {
  const file = env[`${name}_FILE`];
  if (!file) return env[name];
  if (env[name]) throw new Error(`is set twice: here and as ${name}_FILE; keep one`);
  try {
    return readFileSync(file, "utf8").replace(/\r?\n$/, "");
  } catch (error) {
    throw new Error(`cannot be read from ${name}_FILE=${file}: ${(error as NodeJS.ErrnoException).code}`);
  }
}

/** The environment with what a `.env` file adds to it. What is set already stays. */
export function withDotEnv(env: Environment, path = ".env"): Environment {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "EISDIR") return env;
    throw new ConfigError([`.env cannot be read: ${code}`]);
  }
  const added = parseEnv(text);
  // A variable and its _FILE form are one setting: whichever is set outside wins over both in the file.
  const isSet = (name: string) =>
    env[name] !== undefined || env[`${name}_FILE`] !== undefined || env[name.replace(/_FILE$/, "")] !== undefined;
  return { ...Object.fromEntries(Object.entries(added).filter(([name]) => !isSet(name))), ...env };
}

/** The configuration for people's eyes: secrets are only said to be set, and URLs lose their passwords. */
export function redacted(config: Config): Readonly<Record<string, string>> {
  const show = (variable: Variable<unknown>, value: unknown) => {
    if (variable.secret) return value === undefined ? "(not set)" : "(set)";
    const shown = typeof value === "boolean" ? Number(value) : value;
    return String(shown)
      .replace(/:\/\/([^:/@]*):.+@/, "://$1:***@")
      .replace(/([?&]password=)[^&]*/i, "$1***");
  };
  return Object.fromEntries(
    Object.entries(VARIABLES).map(([key, variable]) => [variable.name, show(variable, config[key as keyof Config])]),
  );
}

function databaseUrl(text = ""): string {
  if (/^postgres(ql)?:/.test(text)) return postgresUrl(text);
  if (!/^sqlite(\+[a-z]+)?:\/\/\/[^?#]+$/.test(text))
    throw new Error("must look like sqlite:///./data/app.db, sqlite:////data/app.db or postgres://user@host/database");
  if (text.endsWith(":memory:")) throw new Error("must name a file: messages in memory would be lost");
  return text;
}

const TLS_MODES = ["disable", "require", "verify-ca", "verify-full"];

function postgresUrl(text: string): string {
  const form = "must look like postgres://user:password@host:5432/database";
  // The text itself is never repeated: there is a password in it.
  const url = URL.parse(text);
  if (url === null) throw new Error(`${form}; special characters of a password are written %XX`);
  if (!text.startsWith(`${url.protocol}//`) || /[\0-\x20]|%00/.test(text)) throw new Error(form);
  if (!/^\/[^/]+$/.test(url.pathname)) throw new Error(`${form}; the name of the database is missing`);
  const mode = url.searchParams.get("sslmode");
  if (mode !== null && !TLS_MODES.includes(mode))
    throw new Error(`has an sslmode that is none of ${TLS_MODES.join(", ")}`);
  if (mode === "verify-ca" && !url.searchParams.has("sslrootcert"))
    throw new Error("has sslmode=verify-ca, which needs sslrootcert=/path/to/ca.pem; or use verify-full");
  return text;
}

function flag(text = ""): boolean {
  const value = { "1": true, true: true, "0": false, false: false }[text.toLowerCase()];
  if (value === undefined) throw new Error(`must be 1 or 0, not "${text}"`);
  return value;
}

function logLevel(text = ""): string {
  const level = text.toUpperCase();
  if (!LOG_LEVELS.includes(level)) throw new Error(`must be one of ${LOG_LEVELS.join(", ")}, not "${text}"`);
  return level;
}

function workers(text = ""): number {
  if (text === "auto") return Math.min(availableParallelism(), WORKERS_MAX);
  try {
    return integer(1, WORKERS_MAX)(text);
  } catch {
    throw new Error(`must be a whole number from 1 to ${WORKERS_MAX} or auto, not "${text}"`);
  }
}

function integer(min: number, max: number): (text: string | undefined) => number {
  return (text = "") => {
    const value = /^[0-9]+$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= min && value <= max)) throw new Error(`must be a whole number from ${min} to ${max}, not "${text}"`);
    return value;
  };
}

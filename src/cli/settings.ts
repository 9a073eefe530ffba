import { existsSync } from "node:fs";
import { readValueFile } from "../config/variable-text.ts";
import { type Config, type Environment, readConfig } from "../config.ts";
import { localUrl } from "../http/listen-address.ts";
import { type OpenOptions, sqlitePath } from "../store/open.ts";
import { CliError, EXIT_USAGE } from "./cli-error.ts";
import { fileProblem } from "./failures.ts";

// A command needs only a few settings, and a mistake in another one must not stop it. So each
// setting is read separately.

/** The URL of this environment's service on this machine, for example `http://127.0.0.1:8000`. */
export function urlOf(env: Environment): string {
  const { host, port } = readConfig(only(env, "HOST", "PORT"));
  if (port === 0) {
    throw new CliError(
      "PORT is 0, so the service took a free port: its log names it. Give it as --url.",
      EXIT_USAGE,
    );
  }
  return localUrl(host, port);
}

export function databaseUrlOf(env: Environment): string {
  return readConfig(only(env, "DATABASE_URL")).databaseUrl;
}

/**
 * For commands that do not create a database: a mistyped path must not look like an empty database.
 */
export function existingDatabaseUrlOf(env: Environment): string {
  const url = databaseUrlOf(env);
  const path = sqlitePath(url);
  if (path !== undefined && !existsSync(path))
    throw new CliError(
      `There is no database: ${path} (DATABASE_URL) does not exist.\n` +
        "lyftr migrate creates it, and so does a start of the service.",
    );
  return url;
}

/** The options for opening a PostgreSQL database. */
export function storeOptionsOf(env: Environment): OpenOptions {
  const { databaseConnections, migrate, allowWeakDurability } = readConfig(
    only(env, "DATABASE_CONNECTIONS", "MIGRATE", "ALLOW_WEAK_DURABILITY"),
  );
  return { connectionsMax: databaseConnections, migrate, allowWeakDurability };
}

/** How long messages are kept, and tombstones of deleted ones, in days. */
export function retentionOf(env: Environment): Pick<Config, "retentionDays" | "tombstoneDays"> {
  return readConfig(only(env, "RETENTION_DAYS", "TOMBSTONE_DAYS"));
}

/** The targets of alerts. */
export function alertSettingsOf(
  env: Environment,
): Pick<Config, "pagerdutyRoutingKey" | "pagerdutyUrl" | "alertWebhookUrl"> {
  return readConfig(only(env, "PAGERDUTY_ROUTING_KEY", "PAGERDUTY_URL", "ALERT_WEBHOOK_URL"));
}

/** The secret of the environment, or undefined when there is none. */
export function secretOf(env: Environment): string | undefined {
  return readConfig(only(env, "WEBHOOK_SECRET")).webhookSecret;
}

/** The secrets of the environment, and the key of those in the database. */
export function secretSettingsOf(
  env: Environment,
): Pick<Config, "webhookSecret" | "webhookSecretsPrevious" | "masterKey"> {
  return readConfig(only(env, "WEBHOOK_SECRET", "WEBHOOK_SECRET_PREVIOUS", "MASTER_KEY"));
}

/**
 * The secret in `file`, without the final line end. Without a file, the secret of the environment.
 */
export function requiredSecret(env: Environment, file: string | undefined): string {
  const secret = file === undefined ? secretOf(env) : readSecret(file);
  if (secret === undefined || secret.trim() === "") {
    const where = file === undefined ? "WEBHOOK_SECRET is not set" : `${file} is empty`;
    throw new CliError(
      `${where}, so nothing can be signed.\n` +
        "Set WEBHOOK_SECRET, run `lyftr init` to create one in .env, or name a file with --secret-file.",
      EXIT_USAGE,
    );
  }
  return secret;
}

function readSecret(file: string): string {
  try {
    return readValueFile(file);
  } catch (error) {
    throw new CliError(`The secret cannot be read: ${fileProblem(error, file)}`, EXIT_USAGE);
  }
}

/** The environment with only these variables and their _FILE forms. */
function only(env: Environment, ...names: readonly string[]): Environment {
  return Object.fromEntries(
    names.flatMap((name) => [name, `${name}_FILE`]).map((name) => [name, env[name]]),
  );
}

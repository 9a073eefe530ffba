import { Command, Option } from "commander";
import { type Environment, readConfig } from "../config.ts";
import { isPostgres, migrateDatabase } from "../store/open.ts";
import { wholeNumber } from "./arguments.ts";
import { CliError, EXIT_USAGE } from "./cli-error.ts";
import { type CommandHelp, withHelp } from "./help.ts";
import { type JsonFlag, withJson, writeResult } from "./json-output.ts";
import { writeStderr } from "./terminal.ts";

const PARTITIONS_MAX = 1_024;

const HELP: CommandHelp = {
  notes: [
    "A start of the service does the same, unless MIGRATE=0 or --no-migrate is set. On PostgreSQL this command " +
      "also does what would take too long for a start: it builds the search index when the pg_trgm " +
      "extension was installed after the first messages, and distributes the tables over the workers of Citus.",
  ],
  examples: ["lyftr migrate", "DATABASE_URL=postgres://lyftr@db/lyftr lyftr migrate --citus"],
};

interface MigrateFlags extends JsonFlag {
  readonly citus?: boolean;
  readonly partitions?: number;
}

/** `lyftr migrate`: creates the database or upgrades its schema, as `serve` does, and ends. */
export function migrateCommand(env: Environment): Command {
  return withJson(withHelp(new Command("migrate"), HELP))
    .description("Create the database or upgrade its schema.")
    .option("--citus", "distribute the tables over the workers of Citus")
    .addOption(
      new Option(
        "--partitions <n>",
        "PostgreSQL: create the table of messages with n hash partitions",
      ).argParser(wholeNumber(2, PARTITIONS_MAX)),
    )
    .action(async (flags: MigrateFlags) => {
      const lines = await migrate(env, flags);
      const shown = lines.length === 0 ? ["nothing to do, the schema is up to date"] : lines;
      writeResult(flags.json, { done: lines }, shown.map((line) => `${line}\n`).join(""));
    });
}

async function migrate(
  env: Environment,
  { citus = false, partitions }: MigrateFlags,
): Promise<readonly string[]> {
  const { databaseUrl, allowWeakDurability } = readConfig(env);
  if (!isPostgres(databaseUrl) && (citus || partitions !== undefined)) {
    throw new CliError(
      "--citus and --partitions need a PostgreSQL database, but DATABASE_URL is not one.",
      EXIT_USAGE,
    );
  }
  const progress = (text: string) => writeStderr(`${text}\n`);
  return migrateDatabase(databaseUrl, { progress, allowWeakDurability, citus, partitions });
}

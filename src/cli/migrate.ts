import { Command, Option } from "commander";
import { type Environment, readConfig } from "../config.ts";
import { isPostgres, migrateDatabase } from "../store/open.ts";
import { wholeNumber } from "./arguments.ts";
import { CliError, EXIT_USAGE } from "./cli-error.ts";
import { complain, say } from "./terminal.ts";

const PARTITIONS_MAX = 1_024;

const HELP = `
Does what a start of the service does too, unless that is told MIGRATE=0 or --no-migrate. On PostgreSQL also what takes too long for a
start: the index of the search, when its extension came later than the messages, and the distribution over the workers of Citus.

Examples:
  $ lyftr migrate
  $ DATABASE_URL=postgres://lyftr@db/lyftr lyftr migrate --citus
`;

interface MigrateFlags {
  readonly citus?: boolean;
  readonly partitions?: number;
}

/** `lyftr migrate`: makes the database or brings its schema up to date, as `serve` would, and ends. */
export function migrateCommand(env: Environment): Command {
  return new Command("migrate")
    .description("Create or upgrade the database, then end.")
    .option("--citus", "distribute the tables of a database that has the Citus extension")
    .addOption(
      new Option("--partitions <n>", "make a new table of messages with n hash partitions (PostgreSQL)").argParser(
        wholeNumber(2, PARTITIONS_MAX),
      ),
    )
    .addHelpText("after", HELP)
    .action(async (flags: MigrateFlags) => {
      const lines = await migrate(env, flags);
      say(
        (lines.length === 0 ? ["nothing to do, the schema is up to date"] : lines).map((line) => `${line}\n`).join(""),
      );
    });
}

async function migrate(env: Environment, { citus = false, partitions }: MigrateFlags): Promise<readonly string[]> {
  const { databaseUrl, allowWeakDurability } = readConfig(env);
  if (!isPostgres(databaseUrl) && (citus || partitions !== undefined)) {
    throw new CliError("--citus and --partitions are for a PostgreSQL database, and DATABASE_URL is none.", EXIT_USAGE);
  }
  const progress = (text: string) => complain(`${text}\n`);
  return migrateDatabase(databaseUrl, { progress, allowWeakDurability, citus, partitions });
}

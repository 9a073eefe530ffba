import { Command, InvalidArgumentError, Option } from "commander";
import type { ListeningInfo } from "../app.ts";
import {
  type Config,
  type Environment,
  misspellingInWords,
  misspellings,
  readConfig,
  type SettingSources,
  settingsOf,
  VARIABLES,
} from "../config.ts";
import { systemClock } from "../domain/clock.ts";
import { createLog, type LogLevel } from "../observe/log.ts";
import { Stdout } from "../observe/stdout.ts";
import { sqlitePath } from "../store/open.ts";
import { showBanner } from "./banner.ts";
import { type CommandHelp, withHelp } from "./help.ts";
import { untilEnded } from "./lifecycle.ts";

const HELP: CommandHelp = {
  notes: [
    "The service is configured by environment variables and a .env file: `lyftr check-config` shows them. " +
      "Standard output carries the log, one JSON object a line. SIGTERM, SIGINT and SIGHUP end the service; " +
      "requests in progress are answered first.",
  ],
  examples: ["lyftr serve", "HOST=127.0.0.1 PORT=8001 lyftr serve"],
  exitCodes: {
    0: "a signal ended the service",
    1: "the service cannot start or continue: the port is taken, the database is refused, or an I/O error",
    2: "the arguments or the configuration are wrong; starting again changes nothing",
  },
};

/** `lyftr serve`: runs the service until a signal ends it. Stdout carries only the log. */
export function serveCommand(
  env: Environment,
  exit: (code: number) => void,
  outside: Environment,
): Command {
  return withHelp(new Command("serve"), HELP)
    .description("Run the service until a signal ends it.")
    .addOption(
      new Option(
        "--workers <n>",
        "processes that share the port, with PostgreSQL: a number or auto (instead of WORKERS)",
      ).argParser(workersArgument),
    )
    .option(
      "--no-migrate",
      "do not change the schema, and refuse one that is not up to date (as MIGRATE=0)",
    )
    .action(
      async ({ workers, migrate }: { readonly workers?: number; readonly migrate: boolean }) => {
        const options = {
          ...(workers === undefined ? {} : overriding("WORKERS", String(workers))),
          ...(migrate ? {} : overriding("MIGRATE", "0")),
        };
        const sources = { env: { ...env, ...options }, outside: { ...outside, ...options } };
        const stdout = new Stdout();
        exit(await serve(sources, stdout));
        await stdout.flush();
      },
    );
}

async function serve(sources: SettingSources, stdout: Stdout): Promise<number> {
  const config = readConfig(sources.env);
  const settings = settingsOf(config, sources);
  warnAboutMisspellings(sources.env, config, stdout);
  if (config.workers > 1 && sqlitePath(config.databaseUrl) === undefined) {
    // The supervisor does not load the web server and the stores, which saves a third of its
    // memory.
    const { serveWorkers } = await import("./workers/serve-workers.ts");
    const listening = (listeningInfo: ListeningInfo) => showBanner(listeningInfo, config);
    return serveWorkers({ config, settings, stdout, listening });
  }
  if (config.workers > 1) warnAboutOneWriter(config, stdout);
  const { startApp } = await import("../app.ts");
  const app = await startApp(config, stdout, { settings });
  showBanner(app.listeningInfo, config);
  return untilEnded(app, config.drainMs);
}

function warnAboutMisspellings(env: Environment, config: Config, stdout: Stdout): void {
  for (const misspelling of misspellings(env))
    logOf(config, stdout).warn({
      msg: misspellingInWords(misspelling),
      variable: misspelling.name,
    });
}

function logOf(config: Config, stdout: Stdout) {
  return createLog({
    level: config.logLevel as LogLevel,
    destination: stdout,
    now: systemClock.now,
  });
}

function warnAboutOneWriter(config: Config, stdout: Stdout): void {
  logOf(config, stdout).warn({
    msg: "only one process serves: SQLite has one writer, so more processes would wait for each other. Use PostgreSQL for several",
    workers: config.workers,
  });
}

function workersArgument(text: string): number {
  try {
    return VARIABLES.workers.parse(text);
  } catch (error) {
    throw new InvalidArgumentError(`It ${error instanceof Error ? error.message : error}.`);
  }
}

/** An option of the command, which counts more than the variable and its file. */
function overriding(name: string, value: string): Environment {
  return { [name]: value, [`${name}_FILE`]: undefined };
}

import { Command, InvalidArgumentError, Option } from "commander";
import { type Config, type Environment, readConfig, VARIABLES } from "../config.ts";
import { systemClock } from "../domain/clock.ts";
import { createLog, type LogLevel } from "../observe/log.ts";
import { Stdout } from "../observe/stdout.ts";
import { sqlitePath } from "../store/open.ts";
import { untilEnded } from "./endings.ts";

/** `lyftr serve`: runs the service until a signal ends it. Stdout carries the log and nothing else. */
export function serveCommand(env: Environment, exit: (code: number) => void): Command {
  return new Command("serve")
    .description("Run the service. Set up by environment variables; see check-config.")
    .addOption(
      new Option(
        "--workers <n>",
        "processes that share the port, with PostgreSQL: a number, or auto (instead of WORKERS)",
      ).argParser(workersArgument),
    )
    .option("--no-migrate", "leave the schema as it is, and refuse one that is not up to date (as MIGRATE=0)")
    .action(async ({ workers, migrate }: { readonly workers?: number; readonly migrate: boolean }) => {
      const overridden = workers === undefined ? env : withWorkers(env, workers);
      const config = readConfig(migrate ? overridden : { ...overridden, MIGRATE: "0", MIGRATE_FILE: undefined });
      const stdout = new Stdout();
      exit(await serve(config, stdout));
      await stdout.flush();
    });
}

async function serve(config: Config, stdout: Stdout): Promise<number> {
  if (config.workers > 1 && sqlitePath(config.databaseUrl) === undefined) {
    // The supervisor does without the web server and the stores, a third of its memory.
    const { serveWorkers } = await import("./workers/serve-workers.ts");
    return serveWorkers(config, stdout);
  }
  if (config.workers > 1) tellWhyAlone(config, stdout);
  const { startApp } = await import("../app.ts");
  return untilEnded(await startApp(config, stdout), config.drainMs);
}

function tellWhyAlone(config: Config, stdout: Stdout): void {
  const log = createLog({ level: config.logLevel as LogLevel, destination: stdout, now: systemClock.now });
  log.warn({
    msg: "one process serves, not several: SQLite has one writer, so more would only wait for each other. PostgreSQL can have them",
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

function withWorkers(env: Environment, workers: number): Environment {
  return { ...env, WORKERS: String(workers), WORKERS_FILE: undefined };
}

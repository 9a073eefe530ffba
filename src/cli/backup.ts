import { accessSync, constants, existsSync, realpathSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { Command } from "commander";
import type { Environment } from "../config.ts";
import { type BackupSource, openBackupSource, sqlitePath } from "../store/open.ts";
import { CliError, EXIT_FAILED, EXIT_USAGE } from "./cli-error.ts";
import { fileProblem } from "./failures.ts";
import { type CommandHelp, withHelp } from "./help.ts";
import { type JsonFlag, withJson, writeResult } from "./json-output.ts";
import { interruption } from "./lifecycle.ts";
import { startProgressBar } from "./progress-bar.ts";
import { databaseUrlOf } from "./settings.ts";
import { writeStderr } from "./terminal.ts";

const MIB = 1024 * 1024;

const HELP: CommandHelp = {
  notes: [
    "The service may be running. The backup is the state of one moment in a single file, checked. " +
      "FILE appears when it is complete.",
    "`lyftr restore FILE` puts it back.",
  ],
  examples: [
    "lyftr backup backup-$(date +%F).db",
    "DATABASE_URL=sqlite:////data/app.db \\\n    lyftr backup --force /backup/latest.db",
  ],
};

/** `lyftr backup`: copies the database of a running service. */
export function backupCommand(env: Environment): Command {
  return withJson(withHelp(new Command("backup"), HELP))
    .description("Copy the SQLite database to a file while the service runs.")
    .argument("<file>", "the backup to write")
    .option("--force", "replace an existing file")
    .action(
      async (file: string, { force = false, json }: JsonFlag & { readonly force?: boolean }) => {
        const source = sourceOf(databaseUrlOf(env));
        const target = targetOf(file, source, force);
        // Refused unless it is a database of Lyftr.
        await copy(await openBackupSource(source), target);
        const bytes = statSync(target).size;
        writeResult(
          json,
          { file: target, bytes },
          `${file}: ${(bytes / MIB).toFixed(1)} MiB, checked\n`,
        );
      },
    );
}

async function copy(source: BackupSource, target: string): Promise<void> {
  const bar = startProgressBar({ label: "backing up", total: 0, unit: "pages" });
  interruption().addEventListener("abort", () => {
    bar.stop();
    writeStderr(`Interrupted: ${target} was not changed.\n`);
    // The exit handler deletes the incomplete file.
    process.exit(EXIT_FAILED);
  });
  try {
    await source.copyTo(target, { progress: (done, total) => bar.update(done, total) });
  } catch (error) {
    bar.stop();
    const { code, message } = error as NodeJS.ErrnoException;
    throw new CliError(
      `The backup failed, and ${target} was not changed: ${code === undefined ? message : fileProblem(error, target)}`,
    );
  }
  bar.stop();
}

function sourceOf(databaseUrl: string): string {
  const path = sqlitePath(databaseUrl);
  if (path === undefined)
    throw new CliError(
      "DATABASE_URL is not a SQLite database. Use the backup of its server.",
      EXIT_USAGE,
    );
  if (!existsSync(path))
    throw new CliError(`There is no database to back up: ${path} (DATABASE_URL) does not exist.`);
  return realpathSync(path);
}

/** The real path of the backup; refused where writing it would destroy something. */
function targetOf(file: string, source: string, force: boolean): string {
  const target = join(realFolderOf(file), basename(file));
  if (["", "-wal", "-shm", "-journal"].some((suffix) => target === source + suffix)) {
    throw new CliError(`${file} is the database itself.`, EXIT_USAGE);
  }
  const stat = statSync(target, { throwIfNoEntry: false });
  if (stat !== undefined && !stat.isFile())
    throw new CliError(`${file} is not a file, so it cannot be replaced.`, EXIT_USAGE);
  if (stat !== undefined && !force) {
    throw new CliError(
      `${file} exists already. Choose another name, or replace it with --force.`,
      EXIT_USAGE,
    );
  }
  // SQLite would apply such a log to the backup beside it, and damage the backup.
  if (existsSync(`${target}-wal`)) {
    throw new CliError(
      `${file}-wal exists, so ${file} is a database that is in use. Choose another name.`,
      EXIT_USAGE,
    );
  }
  return target;
}

function realFolderOf(file: string): string {
  const folder = dirname(file);
  try {
    accessSync(folder, constants.W_OK);
    return realpathSync(folder);
  } catch (error) {
    throw new CliError(`The backup cannot be written: ${fileProblem(error, folder)}`, EXIT_USAGE);
  }
}

import { realpathSync, statSync } from "node:fs";
import { Command } from "commander";
import type { Environment } from "../config.ts";
import { systemClock } from "../domain/clock.ts";
import { StoreRefused } from "../domain/errors.ts";
import { openRestore, type PreparedRestore, sqlitePath } from "../store/open.ts";

import { CliError, EXIT_FAILED, EXIT_USAGE } from "./cli-error.ts";
import { confirmed, requireTerminal } from "./confirm.ts";
import { type CommandHelp, withHelp } from "./help.ts";
import { type JsonFlag, withJson, writeResult } from "./json-output.ts";
import { databaseUrlOf } from "./settings.ts";
import { writeStderr } from "./terminal.ts";

const MIB = 1024 * 1024;
const HELP: CommandHelp = {
  notes: [
    "Stop the service first: the command refuses a database that a process uses. It copies FILE next to the " +
      "database, checks the copy completely, and asks before it replaces the database, unless --yes is given. " +
      "Until then nothing is changed.",
    "The previous database is kept beside the new one, with its write-ahead log: delete it when it is no longer " +
      "needed. The read index is deleted; the next start rebuilds it.",
    "Messages that arrived after the backup are missing; senders can send them again. Data that was deleted " +
      "after the backup is back: erase these persons and revoke these API keys again.",
    "For PostgreSQL use the tools of the server.",
  ],
  examples: [
    "lyftr restore backup-2026-01-31.db",
    "DATABASE_URL=sqlite:////data/app.db \\\n    lyftr restore --yes /backup/latest.db",
  ],
  exitCodes: {
    1: "not confirmed, the database is in use, or FILE is not a sound backup; the database is unchanged",
    2: "wrong arguments, for example FILE does not exist",
  },
};

/** `lyftr restore`: replaces the database by a backup. */
export function restoreCommand(env: Environment, exit: (code: number) => void): Command {
  return withJson(withHelp(new Command("restore"), HELP))
    .description("Replace the SQLite database by a backup, while the service is stopped.")
    .argument("<file>", "the backup")
    .option("--yes", "do not ask")
    .action(async (file: string, { yes = false, json }: JsonFlag & { readonly yes?: boolean }) => {
      const databaseUrl = databaseUrlOf(env);
      const path = databasePath(databaseUrl);
      requireBackup(file, path);
      const restore = await prepare(file, databaseUrl);
      try {
        if (restore.replaces && !yes && !(await isConfirmed(path, restore))) {
          writeStderr(`${path} was not changed.\n`);
          exit(EXIT_FAILED);
          return;
        }
        report({ file, path, restore, json });
      } finally {
        restore.discard();
      }
    });
}

function databasePath(databaseUrl: string): string {
  const path = sqlitePath(databaseUrl);
  if (path === undefined)
    throw new CliError(
      "DATABASE_URL is not a SQLite database. Use the restore of its server.",
      EXIT_USAGE,
    );
  return path;
}

function requireBackup(file: string, path: string): void {
  const stat = statSync(file, { throwIfNoEntry: false });
  if (stat === undefined) throw new CliError(`${file} does not exist.`, EXIT_USAGE);
  if (!stat.isFile()) throw new CliError(`${file} is not a file.`, EXIT_USAGE);
  const target = statSync(path, { throwIfNoEntry: false });
  if (target?.ino === stat.ino && target.dev === stat.dev)
    throw new CliError(`${file} is the database itself (${realpathSync(path)}).`, EXIT_USAGE);
}

async function prepare(file: string, databaseUrl: string): Promise<PreparedRestore> {
  try {
    return await openRestore(file, databaseUrl);
  } catch (error) {
    if (!(error instanceof StoreRefused)) throw error;
    // Some reasons give advice for the database of a service.
    const reason = error.message.replace(
      /: (name another file in DATABASE_URL|lyftr migrate creates).*$/,
      "",
    );
    throw new CliError(`Nothing was restored: ${reason}.`);
  }
}

async function isConfirmed(path: string, { messages, bytes }: PreparedRestore): Promise<boolean> {
  requireTerminal("nothing was restored. To restore without a question, add --yes");
  return confirmed(`Replace ${path} by the backup with ${messages} messages (${inMib(bytes)})?`);
}

interface Restored extends JsonFlag {
  readonly file: string;
  readonly path: string;
  readonly restore: PreparedRestore;
}

function report({ file, path, restore, json }: Restored): void {
  const kept = restore.commit(systemClock.now());
  const { messages, bytes } = restore;
  const previous = kept === undefined ? "" : `the previous database is kept as ${kept}\n`;
  const text = `${path}: ${messages} messages, ${inMib(bytes)}, restored from ${file}, checked\n${previous}`;
  writeResult(json, { database: path, messages, bytes, previous: kept ?? null }, text);
  writeStderr("Start the service now. It rebuilds the read index.\n");
}

function inMib(bytes: number): string {
  return `${(bytes / MIB).toFixed(1)} MiB`;
}

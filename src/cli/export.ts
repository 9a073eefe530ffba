import { accessSync, constants, existsSync, realpathSync } from "node:fs";
import { dirname } from "node:path";
import { Command, Option } from "commander";
import type { Environment } from "../config.ts";
import { StoreRefused } from "../domain/errors.ts";
import { BEGINNING, type CopyEndpoint } from "../store/copying.ts";
import { openCopyEndpoint, openPythonExport, sqlitePath } from "../store/open.ts";
import type { PythonExport } from "../store/python-export.ts";
import { CliError, EXIT_FAILED, EXIT_USAGE } from "./cli-error.ts";
import { fileProblem } from "./failures.ts";
import { type CommandHelp, withHelp } from "./help.ts";
import { type JsonFlag, withJson, writeResult } from "./json-output.ts";
import { interruption } from "./lifecycle.ts";
import { startProgressBar } from "./progress-bar.ts";
import { existingDatabaseUrlOf } from "./settings.ts";
import { writeStderr } from "./terminal.ts";

const MESSAGES_PER_STEP = 2_000;
const FORMATS = ["python-sqlite"];

const HELP: CommandHelp = {
  notes: [
    "The way back to the Python service. FILE gets every message of POST /webhook, in the Python service's table. " +
      "Lyftr may be running.",
    "FILE may exist already, such as the copy from before the move. Only messages that it does not have are added. " +
      "So run the command again after Lyftr has stopped: it adds the last messages.",
    "NDJSON and CSV come from GET /messages/export.",
  ],
  examples: [
    "lyftr export --format python-sqlite old.db",
    "DATABASE_URL=postgres://lyftr@db/lyftr \\\n    lyftr export --format python-sqlite old.db",
  ],
};

/** `lyftr export`: writes all messages into a database that the Python service reads. */
export function exportCommand(env: Environment, exit: (code: number) => void): Command {
  return withJson(withHelp(new Command("export"), HELP))
    .description("Write all messages into a database of the Python service.")
    .addOption(
      new Option("--format <format>", "the format of FILE").choices(FORMATS).makeOptionMandatory(),
    )
    .argument("<file>", "the SQLite file to create, or to add messages to")
    .action(async (file: string, { json }: JsonFlag) =>
      exit(await exportTo(file, existingDatabaseUrlOf(env), json)),
    );
}

async function exportTo(file: string, databaseUrl: string, json?: true): Promise<number> {
  const path = sqlitePath(databaseUrl);
  if (path !== undefined && existsSync(file) && realpathSync(file) === realpathSync(path)) {
    throw new CliError(`${file} is the database itself (DATABASE_URL).`, EXIT_USAGE);
  }
  try {
    accessSync(existsSync(file) ? file : dirname(file), constants.W_OK);
  } catch (error) {
    throw new CliError(
      `${file} cannot be written: ${fileProblem(error, dirname(file))}`,
      EXIT_USAGE,
    );
  }
  const source = await openCopyEndpoint(databaseUrl, "read");
  try {
    const target = await opened(file);
    try {
      return await run(source, target, json);
    } finally {
      target.close();
    }
  } finally {
    await source.close();
  }
}

async function opened(file: string): Promise<PythonExport> {
  try {
    return await openPythonExport(file);
  } catch (error) {
    if (error instanceof StoreRefused) throw new CliError(`${error.message}.`, EXIT_USAGE);
    throw error;
  }
}

async function run(source: CopyEndpoint, target: PythonExport, json?: true): Promise<number> {
  const signal = interruption();
  const tally = { added: 0, present: 0, otherSources: 0 };
  const bar = startProgressBar({
    label: "exporting",
    total: await source.count(),
    unit: "messages",
  });
  try {
    for (let position = BEGINNING, read = 0; !signal.aborted; bar.update(read)) {
      const part = await source.read(position, MESSAGES_PER_STEP);
      if (part.messages.length === 0) break;
      const step = target.add(part.messages);
      tally.added += step.added;
      tally.present += step.present;
      tally.otherSources += step.otherSources;
      position = part.position;
      read += part.messages.length;
    }
  } finally {
    bar.stop();
  }
  const { added, present: already_there, otherSources: left_out } = tally;
  const text =
    `added           ${added}\nalready there   ${already_there}\n` +
    `left out        ${left_out}${left_out === 0 ? "" : " (of other sources than POST /webhook)"}\n`;
  writeResult(json, { added, already_there, left_out }, text);
  if (!signal.aborted) return 0;
  writeStderr("Interrupted. Run the same command again: it adds the messages that are missing.\n");
  return EXIT_FAILED;
}

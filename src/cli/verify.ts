import { existsSync } from "node:fs";
import { Command } from "commander";
import type { Environment } from "../config.ts";
import { sqlitePath } from "../store/open.ts";
import { verifyReadIndex } from "../store/sqlite/read-index/verify.ts";
import { CliError, EXIT_FAILED, EXIT_USAGE } from "./cli-error.ts";
import { interruption } from "./interrupt.ts";
import { startProgressBar } from "./progress-bar.ts";
import { databaseUrlOf } from "./settings.ts";
import { say } from "./terminal.ts";

const HELP = `
Totals, statistics, lists of senders and the search come from an index beside the messages (its file ends in -index). This counts all of
it again from the messages, in one snapshot; the service may be running. It takes about half a minute for a million messages.

Ends with 0 when nothing differs, with 1 when something does.
`;

/** `lyftr verify`: holds the read index against the messages. */
export function verifyCommand(env: Environment, exit: (code: number) => void): Command {
  return new Command("verify")
    .description("Count everything again from the messages, and say what differs.")
    .addHelpText("after", HELP)
    .action(async () => exit(await verify(databaseUrlOf(env))));
}

async function verify(databaseUrl: string): Promise<number> {
  const path = sqlitePath(databaseUrl);
  if (path === undefined) throw new CliError("DATABASE_URL is no SQLite database.", EXIT_USAGE);
  if (!existsSync(path)) throw new CliError(`There is no database to verify: ${path} (DATABASE_URL) does not exist.`);
  const signal = interruption();
  const bar = startProgressBar({ label: "verifying", total: 0, unit: "messages" });
  try {
    const { messages, backlog, differences } = await verifyReadIndex(path, {
      progress: (done, total) => bar.update(done, total),
      signal,
    });
    bar.stop();
    say(`counted ${messages} messages again; ${backlog} wait to be indexed\n`);
    say(differences.length === 0 ? "nothing differs\n" : differences.map((line) => `differs: ${line}\n`).join(""));
    if (differences.length > 0) say(`Stop the service, delete ${path}-index, and start it again: it is made anew.\n`);
    return differences.length === 0 ? 0 : EXIT_FAILED;
  } catch (error) {
    bar.stop();
    if (signal.aborted) throw new CliError("Interrupted.");
    throw error;
  }
}

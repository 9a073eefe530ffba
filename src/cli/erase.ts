import { randomUUID } from "node:crypto";
import { Command } from "commander";
import type { Environment } from "../config.ts";
import { systemClock } from "../domain/clock.ts";
import { msisdn } from "../domain/query-params.ts";
import { Eraser } from "../retention/eraser.ts";
import { openCredentials, openStore } from "../store/open.ts";
import { CliError, EXIT_FAILED, EXIT_USAGE } from "./cli-error.ts";
import { confirmed, requireTerminal } from "./confirm.ts";
import { startProgressBar } from "./progress-bar.ts";
import { existingDatabaseUrlOf, retentionOf, storeOptionsOf } from "./settings.ts";
import { complain, say } from "./terminal.ts";

const HELP = `
Deletes every message from the number and to it, with what indexes hold of them; the service may be running. It asks first, unless told --yes.
Their ids stay known for TOMBSTONE_DAYS as hashes, so that a late retry does not bring one back. At the end it says what may still hold
something of them. The audit tells that somebody was erased, not who.

Example:
  $ lyftr erase +919876543210
`;

/** `lyftr erase`: forgets a person. */
export function eraseCommand(env: Environment, exit: (code: number) => void): Command {
  return new Command("erase")
    .description("Erase everything from a number and to it.")
    .argument("<number>", "as `from` and `to` of messages have it; digits alone get a + before them")
    .option("--yes", "do not ask")
    .addHelpText("after", HELP)
    .action(async (argument: string, { yes = false }: { readonly yes?: boolean }) => {
      const number = msisdn(argument);
      if (number === undefined || argument.trim() === "") throw new CliError("The number is empty.", EXIT_USAGE);
      const databaseUrl = existingDatabaseUrlOf(env);
      // Before it asks: there must be something to delete from.
      await (await openCredentials(databaseUrl, "read")).close();
      if (!yes) requireTerminal();
      if (!yes && !(await confirmed(`Delete every message from ${number} and to it, for ever?`))) {
        complain("Nothing was deleted.\n");
        exit(EXIT_FAILED);
        return;
      }
      await erase(env, databaseUrl, number);
    });
}

async function erase(env: Environment, databaseUrl: string, number: string): Promise<void> {
  const { tombstoneDays } = retentionOf(env);
  const store = await openStore(databaseUrl, { ...storeOptionsOf(env), mode: "write" });
  const bar = startProgressBar({ label: "erasing", total: undefined, unit: "messages" });
  try {
    const { retention, credentials } = store;
    const eraser = new Eraser(
      { clock: systemClock, newId: randomUUID },
      {
        store: retention,
        audit: credentials.audit,
        tombstoneDays,
        deleted: (_, total) => bar.update(total),
      },
    );
    const { messages, remains } = await eraser.erase(number, "cli");
    bar.stop();
    say(`deleted ${messages} messages; none from or to the number is left\n`);
    for (const sentence of remains) say(`note: ${sentence}.\n`);
  } finally {
    bar.stop();
    await store.close();
  }
}

import { randomUUID } from "node:crypto";
import { Command } from "commander";
import type { Environment } from "../config.ts";
import { systemClock } from "../domain/clock.ts";
import { msisdn } from "../domain/query-params.ts";
import { Eraser } from "../retention/eraser.ts";
import { openCredentials, openStore } from "../store/open.ts";
import { CliError, EXIT_FAILED, EXIT_USAGE } from "./cli-error.ts";
import { confirmed, requireTerminal } from "./confirm.ts";
import { type CommandHelp, withHelp } from "./help.ts";
import { type JsonFlag, withJson, writeResult } from "./json-output.ts";
import { startProgressBar } from "./progress-bar.ts";
import { existingDatabaseUrlOf, retentionOf, storeOptionsOf } from "./settings.ts";
import { writeStderr } from "./terminal.ts";

const HELP: CommandHelp = {
  notes: [
    "Deletes every message from the number and to it, and what indexes store of them. The service may be " +
      "running. The command asks first, unless --yes is given.",
    "For TOMBSTONE_DAYS the ids stay known as hashes, so that a late retry does not bring a message back. At the " +
      "end the command names what may still hold data of the person. The audit records that a person was " +
      "erased, not which one.",
  ],
  examples: ["lyftr erase +919876543210"],
  exitCodes: { 1: "not confirmed, or failed" },
};

/** `lyftr erase`: deletes every message of a person. */
export function eraseCommand(env: Environment, exit: (code: number) => void): Command {
  return withJson(withHelp(new Command("erase"), HELP))
    .description("Delete every message from a number and to it.")
    .argument("<number>", "the number as in `from` and `to`; without a +, one is added")
    .option("--yes", "do not ask")
    .action(
      async (argument: string, { yes = false, json }: JsonFlag & { readonly yes?: boolean }) => {
        const number = msisdn(argument);
        if (number === undefined || argument.trim() === "")
          throw new CliError("The number is empty.", EXIT_USAGE);
        const databaseUrl = existingDatabaseUrlOf(env);
        // Checked before the question: the database must be usable.
        await (await openCredentials(databaseUrl, "read")).close();
        if (!yes) requireTerminal();
        if (
          !yes &&
          !(await confirmed(`Delete every message from ${number} and to it, for ever?`))
        ) {
          writeStderr("Nothing was deleted.\n");
          exit(EXIT_FAILED);
          return;
        }
        await erase(env, { databaseUrl, number, json });
      },
    );
}

interface Erasure extends JsonFlag {
  readonly databaseUrl: string;
  readonly number: string;
}

async function erase(env: Environment, { databaseUrl, number, json }: Erasure): Promise<void> {
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
    const notes = remains.map((sentence) => `note: ${sentence}.\n`).join("");
    const done =
      messages > 0
        ? `deleted ${messages} messages; none from or to the number is left`
        : "deleted no message: none was from the number or to it. If you expected some, check the number";
    const text = `${done}\n${notes}`;
    writeResult(json, { messages_deleted: messages, remains }, text);
  } finally {
    bar.stop();
    await store.close();
  }
}

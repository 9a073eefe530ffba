import { Command, Option } from "commander";
import type { Environment } from "../config.ts";
import type { AuditEntry } from "../store/credentials.ts";
import { openCredentials } from "../store/open.ts";
import { wholeNumber } from "./arguments.ts";
import { type CommandHelp, withHelp } from "./help.ts";
import { type JsonFlag, withJson, writeJson } from "./json-output.ts";
import { existingDatabaseUrlOf } from "./settings.ts";
import { tableOf } from "./table.ts";
import { writeStderr, writeStdout } from "./terminal.ts";

const LIMIT_DEFAULT = 50;
const LIMIT_MAX = 10_000;

const HELP: CommandHelp = {
  notes: ["The newest entries come first. The service may be running."],
  examples: ["lyftr audit", "lyftr audit --limit 1000 | grep key.revoked", "lyftr audit --json"],
};

/** `lyftr audit`: shows the changes of keys, secrets and personal data, and who made them. */
export function auditCommand(env: Environment): Command {
  return withJson(withHelp(new Command("audit"), HELP))
    .description("Show who changed keys, secrets and personal data.")
    .addOption(
      new Option("--limit <n>", "the number of entries")
        .argParser(wholeNumber(1, LIMIT_MAX))
        .default(LIMIT_DEFAULT),
    )
    .action(async ({ limit, json }: JsonFlag & { readonly limit: number }) => {
      const access = await openCredentials(existingDatabaseUrlOf(env), "read");
      try {
        const entries = await access.audit.newest({ limit });
        if (json) writeJson({ data: entries });
        else if (entries.length === 0) writeStderr("The audit has no entries.\n");
        else writeStdout(tableOf([HEADINGS, ...entries.map(rowOf)]));
      } finally {
        await access.close();
      }
    });
}

const HEADINGS = ["AT", "WHO", "WHAT", "TO", "DETAILS"];

function rowOf({ at, actor, action, subject, details }: AuditEntry): readonly string[] {
  const known = Object.entries(details).filter(([, value]) => value !== null);
  return [at, actor, action, subject, known.map(([name, value]) => `${name}=${value}`).join(", ")];
}

import { Command } from "commander";
import {
  type Config,
  configWarnings,
  type Environment,
  misspellingInWords,
  misspellings,
  readConfig,
  redacted,
} from "../config.ts";
import { type CommandHelp, withHelp } from "./help.ts";
import { type JsonFlag, withJson, writeResult } from "./json-output.ts";
import { writeStderr } from "./terminal.ts";

const HELP: CommandHelp = {
  notes: [
    "Reads the environment and the .env file as `lyftr serve` does, and reports every problem at once. " +
      "Values that are accepted but probably wrong are warnings on standard error.",
  ],
  examples: [
    "lyftr check-config",
    "lyftr check-config | grep RATE_LIMIT",
    "lyftr check-config --json",
  ],
  exitCodes: {
    0: "the service can start with this configuration",
    2: "the configuration is wrong",
  },
};

/**
 * `lyftr check-config`: shows the configuration of the service, or every problem in it (exit code
 * 2).
 */
export function checkConfigCommand(env: Environment): Command {
  return withJson(withHelp(new Command("check-config"), HELP))
    .description("Check the configuration and show it, without its secrets.")
    .action(({ json }: JsonFlag) => {
      const config = readConfig(env);
      const hasSecret =
        config.webhookSecret !== undefined || config.webhookSecretsPrevious.length > 0;
      const warnings = [
        ...(hasSecret ? [] : [noSecret(config)]),
        ...configWarnings(config),
        ...misspellings(env).map(misspellingInWords),
      ];
      for (const warning of warnings) writeStderr(`Warning: ${warning}\n`);
      const shown = redacted(config);
      const lines = Object.entries(shown).map(([name, value]) => `${name}=${value}\n`);
      writeResult(json, { settings: shown, warnings }, lines.join(""));
    });
}

function noSecret({ masterKey }: Config): string {
  const refused = "WEBHOOK_SECRET is not set, so every webhook is refused";
  return masterKey === undefined
    ? `${refused}. Set it, or run lyftr init, which creates one.`
    : `${refused} unless the database has a secret (lyftr secrets list).`;
}

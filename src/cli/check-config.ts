import { Command } from "commander";
import { type Config, configWarnings, type Environment, readConfig, redacted } from "../config.ts";
import { complain, say } from "./terminal.ts";

/** `lyftr check-config`: says how the service would be set up, or everything that is wrong with it (exit 2). */
export function checkConfigCommand(env: Environment): Command {
  return new Command("check-config")
    .description("Check the configuration and show it, without its secrets.")
    .action(() => {
      const config = readConfig(env);
      if (config.webhookSecret === undefined && config.webhookSecretsPrevious.length === 0)
        complain(`Warning: ${noSecret(config)}\n`);
      for (const warning of configWarnings(config)) complain(`Warning: ${warning}\n`);
      const lines = Object.entries(redacted(config)).map(([name, value]) => `${name}=${value}\n`);
      say(lines.join(""));
    });
}

function noSecret({ masterKey }: Config): string {
  const refused = "WEBHOOK_SECRET is not set, so every webhook is refused";
  return masterKey === undefined
    ? `${refused}. Set it, or run lyftr init, which creates one.`
    : `${refused} unless the database has a secret (lyftr secrets list).`;
}

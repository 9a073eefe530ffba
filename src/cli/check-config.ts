import { Command } from "commander";
import { configWarnings, type Environment, readConfig, redacted } from "../config.ts";
import { complain, say } from "./terminal.ts";

/** `lyftr check-config`: says how the service would be set up, or everything that is wrong with it (exit 2). */
export function checkConfigCommand(env: Environment): Command {
  return new Command("check-config")
    .description("Check the configuration and show it, without its secrets.")
    .action(() => {
      const config = readConfig(env);
      for (const warning of configWarnings(config)) complain(`Warning: ${warning}\n`);
      const lines = Object.entries(redacted(config)).map(([name, value]) => `${name}=${value}\n`);
      say(lines.join(""));
    });
}

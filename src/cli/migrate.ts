import { Command } from "commander";
import { type Environment, readConfig } from "../config.ts";
import { openStore } from "../store/open.ts";
import { complain, say } from "./terminal.ts";

/** `lyftr migrate`: makes the database or brings its schema up to date, as `serve` would, and ends. */
export function migrateCommand(env: Environment): Command {
  return new Command("migrate").description("Create or upgrade the database, then end.").action(async () => {
    const store = await openStore(readConfig(env).databaseUrl, (progress) => complain(`${progress}\n`));
    const lines = store.upgrades.length === 0 ? ["nothing to do, the schema is up to date"] : store.upgrades;
    await store.close();
    say(lines.map((line) => `${line}\n`).join(""));
  });
}

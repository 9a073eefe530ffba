import { release } from "node:os";
import { isSea } from "node:sea";
import { Command } from "commander";
import { VERSION } from "../app/start-up.ts";
import type { Environment } from "../config.ts";
import { schemaVersions } from "../store/migrate.ts";
import { type CommandHelp, withHelp } from "./help.ts";
import { type JsonFlag, withJson, writeResult } from "./json-output.ts";
import { factsTable } from "./table.ts";

const HELP: CommandHelp = {
  notes: ["No database is opened. The schemas are those that this version creates."],
  examples: ["lyftr version", "lyftr version --json"],
};

/** `lyftr version`: the facts that a bug report needs, and nothing private. */
export function versionCommand(_env: Environment): Command {
  return withJson(withHelp(new Command("version"), HELP))
    .description("Show the version, the platform and the schemas, for bug reports.")
    .action(({ json }: JsonFlag) => {
      const facts = versionFacts();
      writeResult(json, facts, factsTable(Object.entries(facts)));
    });
}

function versionFacts(): Readonly<Record<string, string | number>> {
  const { sqlite, postgres } = schemaVersions();
  return {
    lyftr: VERSION,
    form: formOf(import.meta.url),
    node: process.versions.node,
    sqlite: process.versions.sqlite ?? "none",
    platform: `${process.platform} ${process.arch} ${release()}`,
    schema_sqlite: sqlite,
    schema_postgres: postgres,
  };
}

/**
 * The source runs as .ts; the package and the image run as .js. The executable contains .js too.
 */
function formOf(url: string): string {
  if (isSea()) return "executable";
  return url.endsWith(".ts") ? "source" : "compiled";
}
